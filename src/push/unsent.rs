//! An item whose content could not be uploaded.

use crate::content::{Prepared, Uploaded};
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::shared::Kernel;
use crate::preflight::ItemText;

/// An item whose content could not be uploaded, and the content, for another try.
pub(super) struct UnsentContent {
    pub(super) content: Prepared,
    /// The item without its content. It may hold a reference to the content that leads nowhere.
    pub(super) item: ItemText<'static>,
}

impl UnsentContent {
    /// Uploads the content, and returns the JSON of the item with it, and its container.
    pub(super) async fn upload(
        &self,
        document_id: &str,
        kernel: &Kernel,
        settings: &CallSettings,
    ) -> Result<(Vec<u8>, Option<Uploaded>), Error> {
        let placed = self.content.clone().place(document_id, kernel, settings).await?;
        let mut item = self.item.clone();
        placed.write(&mut item);
        Ok((item.into_json().into_owned(), placed.uploaded))
    }
}
