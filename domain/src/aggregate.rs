//! What every aggregate has on top of its `decide` and `apply`.

/// The thin cqrs-es aggregate: it decides, writes what was decided, and waits for nothing. `AGGREGATE as "its name in the
/// store" { COMMAND, EVENT, REFUSAL }`.
macro_rules! cqrs_aggregate {
    ($aggregate:ident as $name:literal { $command:ty, $event:ty, $refusal:ty }) => {
        impl cqrs_es::Aggregate for $aggregate {
            const TYPE: &'static str = $name;
            type Command = $command;
            type Event = $event;
            type Error = $refusal;
            type Services = ();

            async fn handle(
                &mut self,
                command: Self::Command,
                _services: &Self::Services,
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), Self::Error> {
                for event in self.decide(command)? {
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: Self::Event) {
                Self::apply(self, &event);
            }
        }
    };
}

pub(crate) use cqrs_aggregate;
