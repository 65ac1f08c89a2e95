//! A life without faults: what the others are compared with.

use anyhow::Result;
use suite::MINUTE;

use crate::{
    call::{Call, Class},
    lab::{Lab, Step, Subject},
    state::State,
};

/// What a life without faults comes to, step by step.
pub struct Life {
    /// What the namespace holds after each step.
    pub states: Vec<State>,
    /// How many calls each step takes.
    pub calls: Vec<usize>,
}

impl Life {
    /// Lives it.
    pub fn undisturbed(lab: &Lab) -> Result<Self> {
        let subject = lab.subject("undisturbed");
        let (mut states, mut calls) = (Vec::new(), Vec::new());
        for step in Step::ALL {
            lab.proxy.count();
            subject.take(step);
            states.push(subject.wait_done(step));
            lab.proxy.wait_idle(MINUTE)?;
            let made = lab.proxy.calls(Class::Work);
            println!("{step:?} takes {} calls:\n{}", made.len(), lines(&made));
            calls.push(made.len());
        }
        let maps: Vec<_> = states.iter().map(|state| state.names("ConfigMap")).collect();
        assert_eq!(maps, [vec!["probe-0", "probe-1", "probe-2"], vec!["probe-0"], vec![]]);
        assert!(states.iter().all(|state| state.names("Secret") == ["probe-key"]), "it is retained");
        assert!(calls.iter().all(|calls| *calls >= 2), "{calls:?}");
        Ok(Self { states, calls })
    }

    /// The steps and what they lead to.
    pub fn steps(&self) -> impl Iterator<Item = (Step, &State)> {
        Step::ALL.into_iter().zip(&self.states)
    }

    /// Takes the steps of a part of this life, and waits for what each should lead to.
    pub fn replay(&self, subject: &Subject<'_>, part: std::ops::Range<usize>) {
        for (step, state) in self.steps().skip(part.start).take(part.len()) {
            subject.take(step);
            subject.wait_for(state);
        }
    }
}

/// One line for each call.
pub fn lines(calls: &[Call]) -> String {
    calls.iter().map(|call| format!("  {call}")).collect::<Vec<_>>().join("\n")
}
