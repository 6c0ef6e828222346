//! `docker ps` as a person pastes it.

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// `Up 3 hours`, `Exited (1) 2 minutes ago`, `Restarting (1) 5 seconds ago`.
    pub status: String,
    /// `0.0.0.0:8080->80/tcp`, or only `80/tcp` when the port is not published.
    pub ports: String,
}

/// True for the heading of the table.
pub fn is_heading(line: &str) -> bool {
    line.starts_with("CONTAINER ID") && line.contains("STATUS")
}

/// Reads the table; its columns stand below their headings.
pub fn read(text: &str) -> Vec<Container> {
    let mut lines = text.lines().skip_while(|line| !is_heading(line));
    let Some(heading) = lines.next() else {
        return Vec::new();
    };
    let column = |name: &str| heading.find(name);
    let (Some(status), Some(ports)) = (column("STATUS"), column("PORTS")) else {
        return Vec::new();
    };
    let names = column("NAMES");
    lines
        .take_while(|line| !line.trim().is_empty())
        .map(|line| {
            let cell = |from: usize, to: Option<usize>| {
                let to = to.unwrap_or(line.len()).min(line.len());
                line.get(from.min(to)..to).unwrap_or_default().trim().to_owned()
            };
            Container {
                status: cell(status, Some(ports)),
                ports: cell(ports, names),
                name: names.map_or_else(String::new, |from| cell(from, None)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_stand_below_their_headings() {
        let found = read(
            "CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS                     PORTS                  NAMES\n\
             1f2e3d4c5b6a   web     \"nginx\"   2d ago    Up 2 days                  0.0.0.0:80->80/tcp     front\n\
             aa2e3d4c5b6a   app     \"node\"    2d ago    Exited (137) 5 min ago                            app\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].name.as_str(), found[0].ports.as_str()),
            ("front", "0.0.0.0:80->80/tcp")
        );
        assert_eq!(found[1].status, "Exited (137) 5 min ago");
        assert!(read("CONTAINER ID STATUS\né").is_empty());
    }
}
