//! Where the walk is, and where each choice leads. No terminal, no host: a table that can be tested.

use crate::finding::StepId;

/// What a person can choose at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// On to the next step; from the last one to the verdict.
    Next,
    /// All that is known about this step.
    Evidence,
    /// Look again, after a repair.
    Again,
    /// The step before.
    Back,
    /// Straight to the verdict.
    Verdict,
    /// Write the support bundle.
    Bundle,
    /// Leave.
    Quit,
}

/// Where a choice leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Show this step.
    Show(StepId),
    /// Show all about this step.
    Evidence(StepId),
    /// Collect again and show this step.
    Again(StepId),
    /// Preview and write the bundle; stay here.
    Bundle,
    /// Show the verdict and end.
    Verdict,
    /// End without a verdict.
    Quit,
}

/// A place in a list of steps that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    before: Vec<StepId>,
    here: StepId,
    /// The next one last.
    after: Vec<StepId>,
}

impl Position {
    /// At the first of these steps; `None`: there is no step to take.
    pub fn new(steps: &[StepId]) -> Option<Self> {
        let mut after: Vec<StepId> = steps.iter().rev().copied().collect();
        let here = after.pop()?;
        Some(Self {
            before: Vec::new(),
            here,
            after,
        })
    }

    /// The step where the walk is.
    pub fn step(&self) -> StepId {
        self.here
    }

    /// The how manieth step of how many.
    pub fn number(&self) -> (usize, usize) {
        let here = self.before.len() + 1;
        (here, here + self.after.len())
    }

    /// What can be chosen here, the usual choice first.
    pub fn choices(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        if self.here == StepId::Bundle {
            choices.push(Choice::Bundle);
        }
        if self.after.is_empty() {
            choices.push(Choice::Verdict);
        } else {
            choices.push(Choice::Next);
        }
        choices.extend([Choice::Evidence, Choice::Again]);
        if !self.before.is_empty() {
            choices.push(Choice::Back);
        }
        if !self.after.is_empty() {
            choices.push(Choice::Verdict);
        }
        if self.here != StepId::Bundle {
            choices.push(Choice::Bundle);
        }
        choices.push(Choice::Quit);
        choices
    }

    /// The words of a choice in the menu.
    pub fn words(&self, choice: Choice) -> &'static str {
        match choice {
            Choice::Next => "Next",
            Choice::Evidence => "Show the evidence",
            Choice::Again => "Check this step again",
            Choice::Back => "Back",
            Choice::Verdict if self.after.is_empty() => "See the verdict",
            Choice::Verdict => "Skip to verdict",
            Choice::Bundle => "Write the support bundle",
            Choice::Quit => "Quit",
        }
    }

    /// Follows a choice.
    pub fn choose(&mut self, choice: Choice) -> Move {
        match choice {
            Choice::Next => match self.after.pop() {
                Some(next) => {
                    self.before.push(std::mem::replace(&mut self.here, next));
                    Move::Show(next)
                }
                None => Move::Verdict,
            },
            Choice::Back => {
                if let Some(earlier) = self.before.pop() {
                    self.after.push(std::mem::replace(&mut self.here, earlier));
                }
                Move::Show(self.here)
            }
            Choice::Evidence => Move::Evidence(self.here),
            Choice::Again => Move::Again(self.here),
            Choice::Bundle => Move::Bundle,
            Choice::Verdict => Move::Verdict,
            Choice::Quit => Move::Quit,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn next_goes_through_all_steps_in_order_and_ends_at_the_verdict() {
        let mut position = Position::new(&StepId::ALL).expect("eight steps");
        for step in StepId::ALL.into_iter().skip(1) {
            assert_eq!(position.choose(Choice::Next), Move::Show(step));
        }
        assert_eq!(position.number(), (8, 8));
        assert_eq!(position.choose(Choice::Next), Move::Verdict);
    }

    #[test]
    fn back_returns_and_stops_at_the_first_step() {
        let mut position = Position::new(&[StepId::Dns, StepId::Route]).expect("two steps");
        position.choose(Choice::Next);
        assert_eq!(position.choose(Choice::Back), Move::Show(StepId::Dns));
        assert_eq!(position.choose(Choice::Back), Move::Show(StepId::Dns));
        assert_eq!(position.number(), (1, 2));
    }

    #[test]
    fn no_step_is_no_position() {
        assert_eq!(Position::new(&[]), None);
    }

    #[test]
    fn the_bundle_is_the_usual_choice_at_its_own_step_only() {
        let at = |step| Position::new(&[step]).expect("one step").choices();
        assert_eq!(at(StepId::Bundle).first(), Some(&Choice::Bundle));
        assert_eq!(at(StepId::Retry).first(), Some(&Choice::Verdict));
        assert!(at(StepId::Retry).contains(&Choice::Bundle));
    }

    proptest! {
        #[test]
        fn whatever_is_chosen_no_step_is_lost(choices in proptest::collection::vec(0_usize..8, 0..40)) {
            let mut position = Position::new(&StepId::ALL).expect("eight steps");
            for index in choices {
                let offered = position.choices();
                if let Some(choice) = offered.get(index) {
                    position.choose(*choice);
                }
                prop_assert_eq!(position.number().1, 8);
                let (number, _) = position.number();
                prop_assert_eq!(position.step(), StepId::ALL[number - 1]);
            }
        }
    }
}
