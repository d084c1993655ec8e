//! What the document says of one route, besides the errors of the security layer that all have.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use agentpulse_api::code::Code;
use agentpulse_api::params::{InvalidParameter, Param, ParamSpec, Params, Place};

pub struct Operation {
    pub summary: &'static str,
    pub parameters: Vec<ParamSpec>,
    pub body: Option<Body>,
    pub answers: Vec<Answer>,
    /// Whether `If-None-Match` is answered with 304.
    pub conditional: bool,
    /// Whether `If-Match` names a version, and has to.
    pub if_match: Option<bool>,
    /// Whether the answer names the view that it comes from.
    pub tells_its_view: bool,
    /// Whether it becomes a WebSocket.
    pub upgrades: bool,
    /// Whether another path of it is the first one.
    pub is_also: bool,
    /// Besides those of the security layer.
    pub codes: BTreeSet<Code>,
}

pub struct Body {
    /// A schema for each media type.
    pub content: Vec<(&'static str, Value)>,
    pub is_required: bool,
    pub max_bytes: usize,
}

pub struct Answer {
    pub status: StatusCode,
    pub when: &'static str,
    pub content: Content,
}

pub enum Content {
    Nothing,
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Text of one of these media types.
    Text(Vec<&'static str>),
}

impl Operation {
    pub fn new(summary: &'static str) -> Operation {
        Operation {
            summary,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            conditional: false,
            if_match: None,
            tells_its_view: false,
            upgrades: false,
            is_also: false,
            codes: BTreeSet::new(),
        }
    }

    /// The parameters that `parse` reads.
    pub fn asks<T>(
        mut self,
        parse: impl FnOnce(&Params) -> Result<T, InvalidParameter>,
    ) -> Operation {
        let params = Params::recording();
        let parsed = parse(&params);
        debug_assert!(parsed.is_ok(), "nothing was given that could be wrong");
        self.parameters = params.into_specs();
        match self.parameters.is_empty() {
            true => self,
            false => self.fails(&[Code::InvalidParameter]),
        }
    }

    /// A part of the path that is one of a set of words.
    pub fn path_word(mut self, param: Param, words: &[&str]) -> Operation {
        self.parameters.push(ParamSpec {
            param,
            place: Place::Path,
            schema: json!({"type": "string", "enum": words}),
        });
        self
    }

    /// A path has all its parts, a query may lack any.
    pub fn is_required(&self, place: Place) -> bool {
        place == Place::Path
    }

    pub fn body(mut self, body: Body) -> Operation {
        self.body = Some(body);
        self.fails(&[
            Code::InvalidBody,
            Code::TooSlow,
            Code::TooLarge,
            Code::Unavailable,
        ])
    }

    /// The answer is the JSON of a `T`.
    pub fn answers<T: JsonSchema>(self, status: StatusCode, when: &'static str) -> Operation {
        let schema = SchemaGenerator::subschema_for::<T>;
        self.answer(status, when, Content::Json(schema))
    }

    /// The answer is text with 200.
    pub fn sends(self, media_types: &[&'static str], when: &'static str) -> Operation {
        let content = Content::Text(media_types.to_vec());
        self.answer(StatusCode::OK, when, content)
    }

    pub fn upgrades(mut self) -> Operation {
        self.upgrades = true;
        let status = StatusCode::SWITCHING_PROTOCOLS;
        self.answer(status, "The WebSocket is open", Content::Nothing)
    }

    /// At a second path.
    pub fn also(mut self) -> Operation {
        self.is_also = true;
        self
    }

    pub fn conditional(mut self) -> Operation {
        self.conditional = true;
        self
    }

    /// `If-Match` may name a version, or has to.
    pub fn if_match(mut self, is_required: bool) -> Operation {
        self.if_match = Some(is_required);
        self.fails(&[Code::InvalidParameter, Code::ChangedMeanwhile])
    }

    pub fn tells_its_view(mut self) -> Operation {
        self.tells_its_view = true;
        self
    }

    pub fn fails(mut self, codes: &[Code]) -> Operation {
        self.codes.extend(codes);
        self
    }

    pub fn answer(mut self, status: StatusCode, when: &'static str, content: Content) -> Operation {
        self.answers.push(Answer {
            status,
            when,
            content,
        });
        self
    }
}
