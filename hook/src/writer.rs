//! Writes a JSON object, member by member.

/// Keys and values are taken as they are: keys need no escapes, and values are JSON already.
pub struct ObjectWriter {
    text: String,
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self { text: "{".into() }
    }
}

impl ObjectWriter {
    pub fn is_empty(&self) -> bool {
        self.text.len() == 1
    }

    pub fn value(&mut self, key: &str, value: &str) {
        if !self.is_empty() {
            self.text.push(',');
        }
        for part in ["\"", key, "\":", value] {
            self.text.push_str(part);
        }
    }

    pub fn number(&mut self, key: &str, number: usize) {
        self.value(key, &number.to_string());
    }

    pub fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}
