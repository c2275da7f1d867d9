//! Server-sent events: from bytes, in whatever pieces they come, to messages.
//! HTML Living Standard § 9.2.6, "Interpreting an event stream".

/// A message may have this many bytes.
const MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// One message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// What kind it is; `message` unless told.
    pub(crate) event: String,
    /// Its text.
    pub(crate) data: String,
}

/// A message grew past its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Reads an event stream.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// A line that has not ended yet.
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed right behind it ends no line of its own.
    after_return: bool,
    begun: bool,
    event: String,
    data: String,
}

impl Parser {
    /// Takes the next bytes; gives the messages that are whole with them.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLarge> {
        let mut messages = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_return) => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    messages.extend(self.take(&line));
                }
                _ => {
                    self.after_return = false;
                    if self.line.len() + self.data.len() >= MESSAGE_BYTES {
                        return Err(TooLarge);
                    }
                    self.line.push(*byte);
                }
            }
        }
        Ok(messages)
    }

    fn take(&mut self, line: &[u8]) -> Option<Message> {
        let line = String::from_utf8_lossy(line);
        let line = match std::mem::replace(&mut self.begun, true) {
            true => &line,
            false => line.strip_prefix('\u{feff}').unwrap_or(&line),
        };
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            // A comment (no name), or a field that says nothing to us.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Message> {
        let event = std::mem::take(&mut self.event);
        let mut data = std::mem::take(&mut self.data);
        // Unlike a browser's: `event: complete` of GraphQL over SSE may come without data, and is a message.
        if event.is_empty() && data.is_empty() {
            return None;
        }
        data.pop();
        Some(Message { event: if event.is_empty() { "message".to_owned() } else { event }, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let messages = Parser::default().push(text.as_bytes()).expect("messages");
        messages.into_iter().map(|message| (message.event, message.data)).collect()
    }

    fn message(event: &str, data: &str) -> (String, String) {
        (event.to_owned(), data.to_owned())
    }

    #[test]
    fn a_message_ends_with_an_empty_line() {
        let text = "event: next\ndata: {\"a\":1}\n\n:\n\nevent: complete\ndata:\n\ndata: not whole";
        assert_eq!(read(text), [message("next", "{\"a\":1}"), message("complete", "")]);
    }

    #[test]
    fn an_end_without_data_is_a_message() {
        assert_eq!(read("event: complete\n\n"), [message("complete", "")]);
    }

    #[test]
    fn lines_of_data_are_joined_and_all_line_ends_are_taken() {
        assert_eq!(
            read("data: a\r\ndata:b\r\r\ndata:  c\n\n"),
            [message("message", "a\nb"), message("message", " c")]
        );
    }

    #[test]
    fn a_mark_at_the_beginning_and_foreign_fields_are_passed_over() {
        assert_eq!(read("\u{feff}id: 7\nretry: 10\ndata: a\n\n"), [message("message", "a")]);
    }

    #[test]
    fn a_message_without_an_end_is_cut_off() {
        let mut parser = Parser::default();
        let much = vec![b'a'; MESSAGE_BYTES];
        assert_eq!(parser.push(b"data: "), Ok(Vec::new()));
        assert_eq!(parser.push(&much), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "(event: next\r?\n|data: [a-zäö]{0,6}\r?\n|:\n|\r?\n|\r){0,12}", cut in 1usize..7) {
            let whole = Parser::default().push(text.as_bytes()).expect("messages");
            let mut parser = Parser::default();
            let pieces: Vec<Message> =
                text.as_bytes().chunks(cut).flat_map(|piece| parser.push(piece).expect("messages")).collect();
            prop_assert_eq!(whole, pieces);
        }
    }
}
