//! Where a page ends, as JSON: the text that a cursor is shown as and parsed from.

macro_rules! text_in_json {
    ($cursor:ty) => {
        impl TryFrom<String> for $cursor {
            type Error = &'static str;

            fn try_from(text: String) -> Result<$cursor, &'static str> {
                <$cursor>::parse(&text).ok_or("a next_cursor has another form")
            }
        }

        impl serde::Serialize for $cursor {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

pub(crate) use text_in_json;
