use super::*;
use crate::query::Query;
use crate::request::Request;

struct World {
    words: Words,
    phases: Phases,
    index: Index,
}

impl World {
    fn new(documents: &[(&str, &str)]) -> World {
        let mut world = World {
            words: Words::default(),
            phases: Phases::default(),
            index: Index::default(),
        };
        for (name, description) in documents {
            world.put(name, description);
        }
        world
    }

    fn put(&mut self, name: &str, description: &str) {
        let document = document(name, description);
        self.index
            .replace(document, &self.words, &self.phases)
            .unwrap();
    }

    fn query(&self, task: &str) -> Query {
        let request = Request {
            task: task.to_owned(),
            ..Request::default()
        };
        Query::read(&request, &self.words, &self.phases, &self.index)
    }

    fn value(&self, task: &str, id: &str) -> f64 {
        let matches = self.index.search(&self.query(task).terms);
        f64::from(matches.by_slot(&self.index)[self.index.slot(id).unwrap()])
    }
}

fn document(name: &str, description: &str) -> Document {
    Document {
        id: name.into(),
        run_name: name.into(),
        description: description.to_owned(),
        headings: Vec::new(),
        tools: Vec::new(),
        mcp_servers: Vec::new(),
        skills: Vec::new(),
        agent_type: "generic".to_owned(),
    }
}

const THREE: [(&str, &str); 3] = [
    ("alpha", "tunes postgres"),
    ("beta", "writes prose"),
    ("gamma", "paints fences green"),
];

#[test]
fn a_value_is_that_of_the_formula() {
    let world = World::new(&THREE);
    // Computed by hand: df 1 of 3, one occurrence in a description of 2 words, 7/3 on average.
    let rarity = (1.0_f64 + 2.5 / 1.5).ln();
    let frequency = 2.0 / (0.6 + 0.4 * (2.0 / (7.0 / 3.0)));
    let saturation = frequency / (0.9 + frequency) / (3.0 / 3.9);
    assert!((world.value("postgres", "alpha") - saturation).abs() < 1e-6);
    // A synonym finds it for 0.8 of it, of 0.8: the share is the same; an unknown word halves more.
    assert!((world.value("psql", "alpha") - saturation).abs() < 1e-6);
    let unknown = (1.0_f64 + 3.5 / 0.5).ln();
    let half = saturation * rarity / (rarity + unknown);
    assert!((world.value("postgres zebra", "alpha") - half).abs() < 1e-6);
    assert_eq!(world.value("postgres", "beta"), 0.0);
}

#[test]
fn the_words_of_the_evidence_add_up_to_the_value() {
    let world = World::new(&THREE);
    let query = world.query("tune postgres and paint green zebras");
    let values = world.index.search(&query.terms).by_slot(&world.index);
    for (name, _) in THREE {
        let slot = world.index.slot(name).unwrap();
        let sum: f64 = world
            .index
            .evidence(&query.terms, slot)
            .iter()
            .map(|(_, value)| value)
            .sum();
        assert!((sum - f64::from(values[slot])).abs() < 1e-6, "{name}");
    }
}

#[test]
fn a_replaced_document_leaves_nothing_and_a_copy_keeps_it() {
    let mut world = World::new(&THREE);
    let reader = world.index.clone();
    world.put("alpha", "sings");
    assert!(!world.index.knows("postgre") && reader.knows("postgre"));
    assert!(world.value("sing", "alpha") > 0.5);
    for (name, _) in THREE {
        assert!(world.index.remove(name) && !world.index.remove(name));
    }
    assert!(world.index.is_empty() && world.index.lengths == [0; 4]);
    assert!(world.index.postings.iter().all(|list| list.is_empty()));
    // Numbers and slots are taken again.
    let (terms, slots) = (world.index.vocabulary.len(), world.index.documents.len());
    for (name, description) in THREE {
        world.put(name, description);
    }
    assert_eq!(
        (world.index.vocabulary.len(), world.index.documents.len()),
        (terms, slots)
    );
}

#[test]
fn an_index_after_changes_is_that_of_the_last_documents() {
    let mut changed = World::new(&[("beta", "old text"), ("delta", "old words"), ("alpha", "x")]);
    changed.index.remove("delta");
    for (name, description) in THREE.iter().rev() {
        changed.put(name, description);
    }
    let fresh = World::new(&THREE);
    for task in ["postgres", "write green prose", "old", "paint the fence"] {
        for (name, _) in THREE {
            assert_eq!(
                changed.value(task, name),
                fresh.value(task, name),
                "{task} {name}"
            );
        }
    }
}

#[test]
fn a_name_counts_more_than_a_description_and_this_more_than_a_tool() {
    let mut world = World::new(&[("postgres-x", "y"), ("b", "postgres")]);
    let mut held = document("c", "z");
    held.mcp_servers = vec!["postgres".to_owned()];
    world
        .index
        .replace(held, &world.words, &world.phases)
        .unwrap();
    let values = ["postgres-x", "b", "c"].map(|id| world.value("postgres", id));
    assert!(
        values[0] > values[1] && values[1] > values[2] && values[2] > 0.0,
        "{values:?}"
    );
}

#[test]
fn a_document_beyond_a_bound_is_rejected_with_the_field() {
    let mut world = World::new(&[]);
    let long = document("a", &"x".repeat(8_193));
    let error = world
        .index
        .replace(long, &world.words, &world.phases)
        .unwrap_err();
    assert_eq!(error.0, "description: 8193 bytes, at most 8192");
    let mut many = document("a", "");
    many.headings = vec!["h".to_owned(); 65];
    let error = world
        .index
        .replace(many, &world.words, &world.phases)
        .unwrap_err();
    assert_eq!(error.0, "headings: 65 items, at most 64");
    assert!(world.index.is_empty());
}
