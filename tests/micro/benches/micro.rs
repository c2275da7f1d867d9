//! The small works in wall time: `cargo bench -p sigma-micro`.

use divan::Bencher;
use sigma_micro::ALL;

fn main() {
    divan::main();
}

#[divan::bench(args = ALL.map(|work| work.name))]
fn work(bencher: Bencher<'_, '_>, name: &str) {
    let Some(work) = ALL.iter().find(|work| work.name == name) else { return };
    let done = (work.prepare)();
    bencher.bench_local(done);
}
