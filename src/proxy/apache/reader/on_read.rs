//! Directives that act while the file is read (`EXEC_ON_READ`): includes, variables, modules, macros.

use super::{LogicalLine, MOST_TOLD, Reader, words};

impl Reader<'_> {
    /// Directives that act while the file is read. False: it is an ordinary one.
    pub(super) fn on_read(&mut self, line: &LogicalLine, name: &str, rest: &str, next: usize) -> bool {
        const ACTING: &[&str] = &[
            "include",
            "includeoptional",
            "define",
            "undefine",
            "loadmodule",
            "serverroot",
            "use",
            "undefmacro",
            "loadfile",
            "defaultruntimedir",
            "macroignoreemptyargs",
            "macroignorebadnesting",
            "error",
        ];
        if !ACTING.iter().any(|acting| acting.eq_ignore_ascii_case(name)) {
            return false;
        }
        let arguments = words(line, next);
        let argument = |index: usize| arguments.get(index).map_or("", |word| word.text.as_str());
        let place = self.place(line, 0);
        match name.to_ascii_lowercase().as_str() {
            "include" | "includeoptional" => {
                if arguments.len() == 1 {
                    let optional = name.len() > "include".len();
                    self.include(argument(0), optional, &place);
                } else {
                    self.error("syntax", place, format!("{name} takes one argument"));
                }
            }
            "define" => {
                let key = argument(0).to_owned();
                if arguments.is_empty() || arguments.len() > 2 {
                    self.error("syntax", place, "Define takes one or two arguments".to_owned());
                } else if key.contains(':') {
                    self.error(
                        "syntax",
                        place,
                        "a variable's name must not contain \":\"".to_owned(),
                    );
                } else {
                    if arguments.len() == 2 {
                        self.values.insert(key.to_ascii_lowercase(), argument(1).to_owned());
                    }
                    self.defines.insert(key);
                }
            }
            "undefine" => {
                self.defines.remove(argument(0));
                self.values.remove(&argument(0).to_ascii_lowercase());
            }
            "loadmodule" => {
                if arguments.len() == 2 {
                    self.modules.add(argument(0));
                    if self.loaded.len() < MOST_TOLD {
                        self.loaded
                            .push((argument(0).to_owned(), argument(1).to_owned(), place));
                    }
                } else {
                    self.error("syntax", place, "LoadModule takes two arguments".to_owned());
                }
            }
            "serverroot" => argument(0).clone_into(&mut self.server_root),
            "use" if self.modules.has("macro_module") => self.use_macro(line, rest),
            "undefmacro" if self.modules.has("macro_module") => {
                if self.macros.remove(&argument(0).to_lowercase()).is_none() {
                    let message = format!("cannot remove undefined macro \"{}\"", argument(0));
                    self.error("macro-undefined", place, message);
                }
            }
            "loadfile" | "defaultruntimedir" | "macroignoreemptyargs" | "macroignorebadnesting" => {}
            "error" => {
                self.error("error-directive", place, format!("Error: {}", argument(0)));
            }
            _ => return false,
        }
        true
    }
}
