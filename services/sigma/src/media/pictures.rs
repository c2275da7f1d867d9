//! Who makes pictures, as health and figures show him.

use async_trait::async_trait;
use sigma_api::http::{Component, Condition, Exposition, MetricSource};
use sigma_gst::{Pictures, PicturesSettings, Standing};

use crate::folder::Names;

/// The worker that makes pictures, and its keeper.
#[derive(Clone, Debug)]
pub(crate) struct Painter(Pictures);

impl Painter {
    /// Has the worker started, for its first start on a machine may take long: it looks through all of GStreamer's plugins.
    /// Nobody waits for it here, and health knows of what it lacks before the first picture is asked for.
    pub(super) fn new(names: &Names) -> Self {
        let registry = Some(names.folder().join("gstreamer-registry.bin"));
        let pictures = Pictures::start(PicturesSettings { registry, ..PicturesSettings::default() });
        let first = pictures.clone();
        tokio::spawn(async move { first.look().await });
        Self(pictures)
    }

    pub(super) fn pictures(&self) -> Pictures {
        self.0.clone()
    }
}

#[async_trait]
impl Component for Painter {
    fn name(&self) -> &'static str {
        "pictures"
    }

    async fn check(&self) -> Condition {
        match self.0.standing() {
            Standing::Idle | Standing::Ready { .. } => Condition::Ready,
            Standing::Unavailable(why) => Condition::Degraded(format!("there are no thumbnails: {why}")),
        }
    }
}

#[async_trait]
impl MetricSource for Painter {
    async fn collect(&self, out: &mut Exposition) {
        let figures = self.0.figures();
        out.family(
            "sigma_pictures_total",
            "counter",
            "Pictures that were asked of the worker, by what came of it.",
        );
        for (result, count) in [
            ("made", figures.made),
            ("broken", figures.broken),
            ("shed", figures.shed),
            ("resting", figures.resting),
            ("unavailable", figures.unavailable),
        ] {
            out.sample("sigma_pictures_total", &[("result", result)], count);
        }
        let singles = [
            ("sigma_picture_worker_starts_total", "Times that the worker was started.", figures.starts),
            ("sigma_picture_worker_losses_total", "Times that the worker fell or was stuck.", figures.losses),
        ];
        for (name, help, count) in singles {
            out.single(name, "counter", help, count);
        }
        let help = "Processor time that the worker has taken, in seconds.";
        out.single("sigma_picture_worker_cpu_seconds_total", "counter", help, figures.cpu.as_secs_f64());
        out.single("sigma_pictures_waiting", "gauge", "Pictures that wait for the worker.", figures.waiting);
    }
}
