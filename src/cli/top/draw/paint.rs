//! Colours, of the sixteen that every terminal has in its own taste; or none.

use ratatui::style::{Color, Modifier, Style};

#[derive(Clone, Copy)]
pub struct Paint {
    pub colours: bool,
}

impl Paint {
    pub fn plain(self) -> Style {
        Style::new()
    }

    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn heading(self) -> Style {
        self.strong().add_modifier(Modifier::UNDERLINED)
    }

    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub fn good(self) -> Style {
        self.in_colour(Color::Green, self.plain())
    }

    pub fn bars(self) -> Style {
        self.in_colour(Color::Cyan, self.plain())
    }

    pub fn warning(self) -> Style {
        self.in_colour(Color::Yellow, self.strong())
    }

    pub fn bad(self) -> Style {
        self.in_colour(Color::Red, self.strong())
    }

    fn in_colour(self, colour: Color, style: Style) -> Style {
        match self.colours {
            true => style.fg(colour),
            false => style,
        }
    }
}
