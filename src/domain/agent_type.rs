#[derive(Default)]
pub struct AgentTypes;
impl AgentTypes {
    pub fn classify(&self, _n: &str) -> &str {
        "generic"
    }
}
