//! `fix502 route`: the way of a URL through the configuration, with nothing sent and nothing probed.

use super::lint::located;
use super::{Failure, live_host, plan, shown, write_out};
use crate::evidence::{Handler, Observed, Route, Snapshot};
use crate::exit::Exit;
use crate::options::{Options, OutputFormat, UsageError};
use crate::report::route::{Way, render_json, render_text};
use crate::steps::lint::{configuration_of_host, follow, read_named};
use crate::ui::Ui;

pub(super) fn route(options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    let Some(address) = &options.address else {
        return Err(UsageError::new("there is no URL").into());
    };
    let host = live_host(options);
    let mut way = Way {
        url: address.target.url.clone().unwrap_or_default(),
        ..Way::default()
    };
    if options.configs.is_empty() {
        let snapshot = configuration_of_host(&host, &plan(options)?);
        way.not_known = match (&snapshot.config, &snapshot.route) {
            (Observed::Seen(_), Observed::Seen(_) | Observed::Absent) => None,
            (Observed::Seen(_), Observed::Unavailable(why)) | (Observed::Unavailable(why), _) => {
                Some(why.to_string())
            }
            (Observed::Absent, _) => Some("no proxy configuration was found".to_owned()),
        };
        way.files = snapshot
            .config
            .seen()
            .map(|config| config.main_file.clone())
            .into_iter()
            .collect();
        way.route = snapshot.route.into_seen();
    } else {
        let paths: Vec<String> = options.configs.iter().map(|path| located(path, options)).collect();
        let configurations = read_named(&host, &paths, options.proxy_kind)
            .map_err(|error| UsageError::new(error.to_string()))?;
        way.files = paths;
        way.route = configurations
            .iter()
            .find_map(|configuration| follow(configuration, &address.target));
    }
    let nothing = Snapshot::default();
    (way.route, way.url) = shown(&(way.route, way.url), &nothing)?;
    let mut bytes = Vec::new();
    match options.format {
        OutputFormat::Json => render_json(&way, &mut bytes)?,
        _ => render_text(&way, &ui.style(), &mut bytes)?,
    }
    write_out(&bytes, options, ui)?;
    Ok(exit(&way))
}

fn exit(way: &Way) -> Exit {
    match way.route.as_ref().map(|Route { handler, .. }| handler) {
        None if way.not_known.is_some() => Exit::Undecided,
        None => Exit::Found,
        Some(Handler::Return { status, .. }) if *status >= 500 => Exit::Found,
        Some(Handler::Unknown) => Exit::Undecided,
        Some(Handler::Pass(_) | Handler::Local(_) | Handler::Return { .. }) => Exit::Healthy,
    }
}
