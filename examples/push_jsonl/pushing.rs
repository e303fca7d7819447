//! Lines on their way into the run: several blocks are prepared at the same time, and pushed in
//! their order.

use std::num::NonZero;
use std::path::PathBuf;
use std::str::Utf8Error;
use std::sync::Arc;
use std::{mem, thread};

use coveo_push::{ItemPusher, PushItem, Pushed};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::shared::Failure;
use crate::shared::lines::{Block, Blocks};
use crate::stop::Stop;

/// Where pushing is, and in the end how far it came.
#[derive(Default)]
pub(crate) struct Place {
    /// The file; empty before the first.
    name: Arc<str>,
    /// How many of its lines are done with.
    line: u64,
    /// Lines that are no text, and files that cannot be read.
    unread: u64,
    /// Lines that were read and not pushed, because it was to stop.
    left: u64,
    /// Whether it stopped before the last line.
    has_stopped: bool,
}

impl Place {
    /// What was not pushed.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let Self { name, line, unread, left, has_stopped } = self;
        let unread = (*unread > 0).then(|| format!("{unread} lines or files could not be read"));
        let after = if name.is_empty() { "before the first line".to_owned() } else { format!("after {name}:{line}") };
        let stopped = has_stopped
            .then(|| format!("stopped {after}: nothing that follows was pushed; {left} lines of it had been read"));
        unread.into_iter().chain(stopped)
    }
}

/// Pushes all lines of the files, or those before it is to stop.
pub(crate) async fn push_lines(
    pusher: &Arc<ItemPusher>,
    files: Vec<PathBuf>,
    stop: &Arc<Stop>,
) -> Result<Place, Failure> {
    // One more than can be worked on: one waits for its turn.
    let at_once = 1 + thread::available_parallelism().map_or(1, NonZero::get);
    // One is there when a place is free, and the next is being read.
    let mut blocks = Blocks::read(files, at_once + 2);
    let mut tasks = JoinSet::new();
    let (first, mut turn) = oneshot::channel();
    let _ = first.send(Place::default());
    let mut unread = 0;
    let has_stopped = loop {
        // Read only when there is a place for it: what waits is held in memory.
        if tasks.len() >= at_once
            && let Some(done) = tasks.join_next().await
        {
            done?;
        }
        let block = tokio::select! {
            biased;
            () = stop.wait() => break true,
            block = blocks.next() => block,
        };
        match block {
            None => break false,
            Some(Ok(block)) => {
                let (next, next_turn) = oneshot::channel();
                let turn = mem::replace(&mut turn, next_turn);
                tasks.spawn(push_block(Arc::clone(pusher), block, turn, next, Arc::clone(stop)));
            }
            // What was read is pushed all the same, and so are the other files.
            Some(Err(error)) => {
                eprintln!("{error}");
                unread += 1;
            }
        }
    };
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    // The last block has passed it on.
    let mut place = turn.await?;
    place.unread += unread;
    place.has_stopped = has_stopped || place.left > 0;
    Ok(place)
}

/// Prepares the lines of a block, pushes them when it is their turn, and passes that on.
async fn push_block(
    pusher: Arc<ItemPusher>,
    block: Block,
    turn: oneshot::Receiver<Place>,
    next: oneshot::Sender<Place>,
    stop: Arc<Stop>,
) {
    let lines: Vec<Line> = block.lines().map(Line::read).collect();
    let prepared: Vec<_> = lines.iter().map(|line| line.prepare(&pusher)).collect();
    // It does not come when the task of a block before has panicked, which is reported there.
    let Ok(mut place) = turn.await else { return };
    let name = block.name();
    if place.name != *name && !stop.is_set() {
        (place.name, place.line) = (Arc::clone(name), 0);
    }
    for push in prepared {
        if stop.is_set() {
            place.left += u64::from(push.is_some());
            continue;
        }
        let line = place.line + 1;
        match push {
            None => {}
            Some(Ok(push)) => match push.await {
                Ok(Pushed::Refused(refused)) => eprintln!("{name}:{line}: {refused}"),
                Ok(_) => {}
                Err(stopped) => {
                    stop.set(&stopped.to_string());
                    place.left += 1;
                    continue;
                }
            },
            Some(Err(error)) => {
                eprintln!("{name}:{line}: {error}");
                place.unread += 1;
            }
        }
        place.line = line;
    }
    // Nobody waits for it when a task has panicked.
    let _ = next.send(place);
}

/// One line of a file.
struct Line<'a> {
    text: Result<&'a str, Utf8Error>,
    /// The item's id, where it is not in a `documentId`.
    uri: Option<String>,
}

impl<'a> Line<'a> {
    fn read(text: Result<&'a str, Utf8Error>) -> Self {
        Self { text, uri: text.ok().and_then(uri_alone) }
    }

    /// The push of this line; none when it is empty.
    fn prepare<'b>(&'b self, pusher: &'b ItemPusher) -> Option<Result<PushItem<'b>, Utf8Error>> {
        let text = match self.text {
            Ok(text) if text.trim_ascii().is_empty() => return None,
            Ok(text) => text,
            Err(error) => return Some(Err(error)),
        };
        let push = match &self.uri {
            Some(uri) => pusher.add_or_update_json(uri, text),
            None => pusher.add_or_update_json_with_id(text),
        };
        Some(Ok(push.prepare()))
    }
}

/// The `uri` of an item that has no `documentId`.
fn uri_alone(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Ids {
        #[serde(rename = "documentId")]
        document_id: Option<IgnoredAny>,
        uri: Option<String>,
    }

    // Most lines need no second reading to tell.
    if text.starts_with(r#"{"documentId""#) || !text.contains(r#""uri""#) {
        return None;
    }
    let ids: Ids = serde_json::from_str(text).ok()?;
    ids.uri.filter(|_| ids.document_id.is_none())
}
