//! One refresh from many machines: a coordinator, and workers that are processes of their own. Here they run on this
//! machine; the ticket and the reports are files of JSON.
//!
//! ```sh
//! cargo run --example sharded -- --workers 4
//! ```
//!
//! When a worker dies, or fails, nothing is deleted. Ctrl-C and SIGTERM stop the workers, too, and leave the source idle.

mod shared;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, SystemTime};
use std::{env, fs};

use clap::Parser;
use coveo_push::fake::{FakePushApi, FakeServer};
use coveo_push::report::WorkerReport;
use coveo_push::{
    ApiKey, DocumentBody, ItemQueue, Items, OrderingId, Permissions, PushClient, PushError, RefreshKind, RefreshTicket,
};
use shared::{Failure, say};
use tokio::time::sleep;

/// Refreshes a source by several processes.
#[derive(Parser)]
struct Arguments {
    /// How many workers push
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// How many items there are
    #[arg(long, default_value_t = 1_000)]
    items: u64,
    /// The index of this worker; the coordinator sets it
    #[arg(long, hide = true, requires = "folder")]
    worker: Option<u32>,
    /// The folder of the ticket and the reports
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let arguments = Arguments::parse();
    match (arguments.worker, &arguments.folder) {
        (Some(index), Some(folder)) => work(index, folder, arguments.items).await,
        _ => coordinate(&arguments).await,
    }
}

/// One worker: it pushes its part, and writes its report.
async fn work(index: u32, folder: &Path, items: u64) -> Result<ExitCode, Failure> {
    let ticket: RefreshTicket<Items> = serde_json::from_slice(&fs::read(folder.join("ticket.json"))?)?;
    let client = PushClient::from_env()?;
    let worker = client.join(&ticket, index).pusher(|pusher| pusher.batch_bytes(64 * 1024)).start()?;
    let report = match push_part(&worker, &ticket, index, items).await {
        Ok(()) => worker.finish().await,
        Err(_) => worker.abort().await,
    };
    fs::write(report_path(folder, index), serde_json::to_vec(&report)?)?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every item belongs to exactly one worker.
async fn push_part(worker: &ItemQueue, ticket: &RefreshTicket<Items>, index: u32, items: u64) -> Result<(), PushError> {
    for number in (u64::from(index)..items).step_by(ticket.workers() as usize) {
        let doc = DocumentBody::text("Words. ".repeat(100))
            .title(format!("Document {number}"))
            .permissions(Permissions::public());
        worker.add_or_update(format!("https://example.com/{number}"), &doc).await?;
    }
    Ok(())
}

/// Starts the refresh and the workers, and ends the refresh with their reports.
async fn coordinate(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let service = Service::new().await?;
    // Before the source has a status that must end.
    shared::hold_signals()?;
    let items = service.client.items(&*service.source_id);
    let mut run = items.refresh(RefreshKind::Rebuild).expect_at_least(arguments.items).start().await?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("ticket.json"), serde_json::to_vec(&run.ticket(arguments.workers))?)?;

    let mut workers = Workers::default();
    for index in 0..arguments.workers {
        let worker = service.spawn(index, folder.path(), arguments.items)?;
        say!("worker {index} is process {}", worker.id());
        workers.0.push(worker);
    }
    let report = match shared::unless_stopped(workers.reports(folder.path())).await {
        Ok(reports) => run.finish_with(&reports).await,
        // Ctrl-C or SIGTERM: nothing is deleted, and the source is idle again.
        Err(stopped) => {
            eprintln!("{stopped:?}: stopping the workers");
            drop(workers);
            run.abort().await
        }
    };
    say!("{report}");
    service.print_held();
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report_path(folder: &Path, index: u32) -> PathBuf {
    folder.join(format!("report-{index}.json"))
}

/// The processes of the workers. Its drop ends them.
#[derive(Default)]
struct Workers(Vec<Child>);

impl Workers {
    /// Waits for each, and reads its report. A worker that was killed has none.
    async fn reports(&mut self, folder: &Path) -> Result<Vec<WorkerReport>, std::io::Error> {
        let mut reports = Vec::new();
        for (index, worker) in (0..).zip(&mut self.0) {
            while worker.try_wait()?.is_none() {
                sleep(Duration::from_millis(20)).await;
            }
            match report_of(&report_path(folder, index)) {
                Ok(report) => {
                    say!("{report}");
                    reports.push(report);
                }
                Err(error) => say!("worker {index}: no report ({error})"),
            }
        }
        Ok(reports)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            // It has mostly ended by itself.
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// The report of a worker. One that was cut off is not JSON.
fn report_of(path: &Path) -> std::io::Result<WorkerReport> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// The service that the environment names, or else a fake one on a port of this machine.
struct Service {
    client: PushClient,
    source_id: String,
    fake: Option<(FakePushApi, FakeServer)>,
}

impl Service {
    async fn new() -> Result<Self, Failure> {
        if let Ok(source_id) = env::var("COVEO_SOURCE_ID") {
            return Ok(Self { client: PushClient::from_env()?, source_id, fake: None });
        }
        say!("COVEO_SOURCE_ID is not set: this is a fake Push API on this machine.");
        let (source_id, key) = ("my-source", "fake-key");
        let fake = FakePushApi::builder().organization("my-org").api_key(key).secured_source(source_id).build();
        let server = fake.serve().await?;
        let client = PushClient::builder("my-org", ApiKey::new(key)).base_url(server.base_url()).build()?;
        // Something to delete: an item of yesterday.
        let yesterday = OrderingId::from_time(SystemTime::now() - Duration::from_secs(86_400));
        let old = DocumentBody::text("old").permissions(Permissions::public());
        client.items(source_id).add_or_update("https://example.com/old", &old).ordering_id(yesterday).await?;
        Ok(Self { client, source_id: source_id.to_owned(), fake: Some((fake, server)) })
    }

    fn spawn(&self, index: u32, folder: &Path, items: u64) -> std::io::Result<Child> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--worker", &index.to_string(), "--items", &items.to_string(), "--folder"]).arg(folder);
        if let Some((_, server)) = &self.fake {
            command.env("COVEO_BASE_URL", server.base_url()).env_remove("COVEO_REGION");
            command.env("COVEO_ORGANIZATION_ID", "my-org").env("COVEO_API_KEY", "fake-key");
        }
        command.spawn()
    }

    fn print_held(&self) {
        if let Some((fake, _)) = &self.fake {
            fake.pass_time(Duration::from_secs(15 * 60));
            let source = fake.source(&*self.source_id);
            let old = if source.item("https://example.com/old").is_some() { "is still there" } else { "is gone" };
            say!("the fake service holds {} items; the old one {old}", source.len());
        }
    }
}
