//! The routes, with their descriptions.

use axum::http::StatusCode;

use super::ask::item_id;
use super::{make, messages, people, read, work};
use crate::http::openapi::{Operation, Routes, body};
use agentpulse_api::code::Code;
use agentpulse_queue::asked::{
    BeatRequest, BlockRequest, CancelRequest, ChangeRequest, ClaimRequest, CompleteRequest,
    FailRequest, LogRequest, MAX_BODY_BYTES, MessageRequest, ReleaseRequest, TaskRequest,
};
use agentpulse_queue::shown::{Message, Task};

const OK: StatusCode = StatusCode::OK;

pub fn routes(routes: Routes) -> Routes {
    of_messages(of_people(of_workers(of_tasks(routes))))
}

fn operation(summary: &'static str) -> Operation {
    Operation::new(summary).fails(&[Code::Unavailable])
}

fn of_one(summary: &'static str) -> Operation {
    operation(summary).asks(item_id).fails(&[Code::UnknownTask])
}

fn of_tasks(routes: Routes) -> Routes {
    routes
        .post(
            "/api/tasks",
            make::make,
            operation("Makes a task")
                .body(body::of::<TaskRequest>(MAX_BODY_BYTES))
                .answers::<make::Made>(StatusCode::CREATED, "It is made")
                .answers::<make::Made>(OK, "One with its unique key is open already")
                .fails(&[Code::UnknownTask, Code::UnknownRole, Code::KeyReused])
                .fails(&[Code::TooManyTasks]),
        )
        .get(
            "/api/tasks",
            read::list,
            operation("Tasks, page by page")
                .asks(read::list_query)
                .answers::<read::Tasks>(OK, "The newest first"),
        )
        .get(
            "/api/tasks/stats",
            read::stats,
            operation("How many tasks there are")
                .answers::<read::Stats>(OK, "By role or agent, and status"),
        )
        .get(
            "/api/tasks/changes",
            read::changes,
            operation("What happened to tasks since a moment; waits for it if asked to")
                .asks(read::changes_query)
                .answers::<read::Changes>(OK, "The events, the oldest first")
                .fails(&[Code::Expired]),
        )
        .get(
            "/api/tasks/{id}",
            read::one,
            of_one("A task with its attempts and messages").answers::<read::Whole>(OK, "The task"),
        )
        .get(
            "/api/tasks/{id}/chain",
            read::chain,
            of_one("The chain that a task is part of").answers::<read::Chain>(OK, "Its tasks"),
        )
        .get(
            "/api/tasks/{id}/logs",
            read::logs,
            of_one("What workers logged of a task")
                .asks(|params| {
                    item_id(params)?;
                    read::logs_query(params)
                })
                .answers::<read::Logs>(OK, "The lines, the oldest first"),
        )
        .get(
            "/api/agents/states",
            read::states,
            operation("What agents are doing").answers::<read::States>(OK, "By name"),
        )
}

fn of_workers(routes: Routes) -> Routes {
    let held = |summary| of_one(summary).fails(&[Code::LeaseLost, Code::AlreadyEnded]);
    routes
        .post(
            "/api/tasks/claim",
            work::claim,
            operation("Takes the next task; waits for one if asked to")
                .body(body::of::<ClaimRequest>(MAX_BODY_BYTES))
                .answers::<work::Claimed>(OK, "A task, held by its token")
                .answer(
                    StatusCode::NO_CONTENT,
                    "There is none",
                    crate::http::openapi::Content::Nothing,
                ),
        )
        .post(
            "/api/tasks/{id}/heartbeat",
            work::beat,
            held("Renews the lease of a task")
                .body(body::of::<BeatRequest>(MAX_BODY_BYTES))
                .answers::<work::Beat>(OK, "Until when it is held"),
        )
        .post(
            "/api/tasks/{id}/complete",
            work::complete,
            held("Completes a task, and hands it on if asked to")
                .body(body::of::<CompleteRequest>(MAX_BODY_BYTES))
                .answers::<work::Completed>(OK, "It is completed")
                .fails(&[Code::UnknownRole, Code::KeyReused, Code::TooManyTasks]),
        )
        .post(
            "/api/tasks/{id}/fail",
            work::fail,
            held("Fails an attempt; the task is tried again, or has failed")
                .body(body::of::<FailRequest>(MAX_BODY_BYTES))
                .answers::<Task>(OK, "The task as it is now")
                .fails(&[Code::KeyReused]),
        )
        .post(
            "/api/tasks/{id}/block",
            work::block,
            held("Asks a question; the task waits for its answer")
                .body(body::of::<BlockRequest>(MAX_BODY_BYTES))
                .answers::<work::Blocked>(OK, "The task and the question")
                .fails(&[Code::KeyReused]),
        )
        .post(
            "/api/tasks/{id}/release",
            work::release,
            held("Gives a task back")
                .body(body::of::<ReleaseRequest>(MAX_BODY_BYTES))
                .answers::<Task>(OK, "The task as it is now")
                .fails(&[Code::KeyReused]),
        )
        .post(
            "/api/tasks/{id}/logs",
            work::log,
            held("Logs lines of a task")
                .body(body::of::<LogRequest>(MAX_BODY_BYTES))
                .answers::<work::LogDone>(OK, "They are logged")
                .fails(&[Code::KeyReused, Code::TooManyTasks]),
        )
}

fn of_people(routes: Routes) -> Routes {
    let changed = |operation: Operation| operation.answers::<Task>(OK, "The task as it is now");
    let asked = |summary| changed(of_one(summary)).fails(&[Code::InvalidBody]);
    routes
        .patch(
            "/api/tasks/{id}",
            people::change,
            changed(of_one("Changes a task that waits"))
                .body(body::of::<ChangeRequest>(MAX_BODY_BYTES))
                .fails(&[Code::WrongStatus, Code::UnknownRole]),
        )
        .post(
            "/api/tasks/{id}/cancel",
            people::cancel,
            changed(of_one("Cancels a task; one that is held is asked for"))
                .body(body::maybe::<CancelRequest>(MAX_BODY_BYTES))
                .fails(&[Code::AlreadyEnded]),
        )
        .post(
            "/api/tasks/{id}/retry",
            people::retry,
            asked("Has a task that failed tried once more").fails(&[Code::WrongStatus]),
        )
        .post(
            "/api/tasks/{id}/unblock",
            people::unblock,
            asked("Lets a blocked task go on").fails(&[Code::WrongStatus]),
        )
}

fn of_messages(routes: Routes) -> Routes {
    routes
        .post(
            "/api/messages",
            messages::send,
            operation("Sends a message; an answer lets the task of its question go on")
                .body(body::of::<MessageRequest>(MAX_BODY_BYTES))
                .answers::<messages::Sent>(OK, "The message")
                .fails(&[Code::UnknownTask, Code::UnknownMessage, Code::KeyReused]),
        )
        .get(
            "/api/messages",
            messages::list,
            operation("Messages; reading marks nothing as read")
                .asks(messages::query)
                .answers::<messages::Messages>(OK, "The oldest first"),
        )
        .post(
            "/api/messages/{id}/read",
            messages::mark,
            operation("Marks a message as read")
                .asks(item_id)
                .answers::<Message>(OK, "The message")
                .fails(&[Code::UnknownMessage]),
        )
}
