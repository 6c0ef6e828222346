//! The cloud provider, by what the firmware, cloud-init and the host's own name say. Nobody is asked over a
//! network. To add one: a line in [`PROVIDERS`] with what its firmware says, one in [`IDS`] with what cloud-init
//! calls it, one in [`ENDINGS`] with how the names of its hosts end.

use super::machine::text;
use crate::evidence::Cloud;
use crate::host::Host;

/// What the firmware says, the name, the console, the status page.
const PROVIDERS: &[(&str, &str, &str, &str)] = &[
    (
        "Amazon EC2",
        "Amazon EC2",
        "https://console.aws.amazon.com/ec2",
        "https://health.aws.amazon.com/health/status",
    ),
    (
        "Google",
        "Google Cloud",
        "https://console.cloud.google.com/compute",
        "https://status.cloud.google.com",
    ),
    (
        "Microsoft Corporation",
        "Microsoft Azure",
        "https://portal.azure.com",
        "https://azure.status.microsoft",
    ),
    (
        "DigitalOcean",
        "DigitalOcean",
        "https://cloud.digitalocean.com",
        "https://status.digitalocean.com",
    ),
    (
        "Hetzner",
        "Hetzner",
        "https://console.hetzner.cloud",
        "https://status.hetzner.com",
    ),
    (
        "OVH",
        "OVHcloud",
        "https://www.ovh.com/manager",
        "https://www.status-ovhcloud.com",
    ),
    (
        "Vultr",
        "Vultr",
        "https://my.vultr.com",
        "https://status.vultr.com",
    ),
    (
        "Akamai",
        "Akamai (Linode)",
        "https://cloud.linode.com",
        "https://status.linode.com",
    ),
    (
        "Linode",
        "Akamai (Linode)",
        "https://cloud.linode.com",
        "https://status.linode.com",
    ),
    (
        "Scaleway",
        "Scaleway",
        "https://console.scaleway.com",
        "https://status.scaleway.com",
    ),
    (
        "OracleCloud",
        "Oracle Cloud",
        "https://cloud.oracle.com",
        "https://ocistatus.oraclecloud.com",
    ),
    (
        "Alibaba",
        "Alibaba Cloud",
        "https://ecs.console.aliyun.com",
        "https://status.alibabacloud.com",
    ),
    (
        "Exoscale",
        "Exoscale",
        "https://portal.exoscale.com",
        "https://exoscalestatus.com",
    ),
    (
        "UpCloud",
        "UpCloud",
        "https://hub.upcloud.com",
        "https://status.upcloud.com",
    ),
];

/// What cloud-init calls a provider.
const IDS: &[(&str, &str)] = &[
    ("aws", "Amazon EC2"),
    ("ec2", "Amazon EC2"),
    ("gce", "Google Cloud"),
    ("azure", "Microsoft Azure"),
    ("digitalocean", "DigitalOcean"),
    ("hetzner", "Hetzner"),
    ("vultr", "Vultr"),
    ("akamai", "Akamai (Linode)"),
    ("scaleway", "Scaleway"),
    ("oracle", "Oracle Cloud"),
    ("aliyun", "Alibaba Cloud"),
    ("exoscale", "Exoscale"),
    ("upcloud", "UpCloud"),
];

/// How the names of a provider's hosts end.
const ENDINGS: &[(&str, &str)] = &[
    (".compute.internal", "Amazon EC2"),
    (".ec2.internal", "Amazon EC2"),
    (".compute.amazonaws.com", "Amazon EC2"),
    (".internal.cloudapp.net", "Microsoft Azure"),
    (".members.linode.com", "Akamai (Linode)"),
    (".ip.linodeusercontent.com", "Akamai (Linode)"),
    (".vultrusercontent.com", "Vultr"),
    (".your-server.de", "Hetzner"),
    (".vps.ovh.net", "OVHcloud"),
    (".ovh.net", "OVHcloud"),
    (".scw.cloud", "Scaleway"),
    (".contaboserver.net", "Contabo"),
    (".stratoserver.net", "STRATO"),
    (".online-server.cloud", "IONOS"),
    (".hstgr.cloud", "Hostinger"),
];

/// The provider, when anything on the host tells it.
pub(super) fn cloud(host: &Host, host_name: &str) -> Option<Cloud> {
    by_firmware(host)
        .or_else(|| {
            let id = text(host, "/run/cloud-init/cloud-id")?;
            let id = id.trim().split('-').next().unwrap_or_default().to_owned();
            IDS.iter()
                .find(|(known, _)| *known == id)
                .map(|(_, name)| named(name))
        })
        .or_else(|| by_name(host_name))
        .or_else(|| {
            // The name of a host is often short, and its first line in this file has all of it.
            let hosts = text(host, "/etc/hosts")?;
            hosts
                .lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .map(|line| line.split_whitespace().skip(1))
                .filter(|names| names.clone().any(|name| name == host_name))
                .flatten()
                .find_map(by_name)
        })
}

fn by_name(name: &str) -> Option<Cloud> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    ENDINGS
        .iter()
        .find(|(ending, _)| name.ends_with(ending))
        .map(|(_, provider)| named(provider))
}

/// A provider by its name; console and status page are empty where none are known.
fn named(provider: &str) -> Cloud {
    let known = PROVIDERS.iter().find(|(_, name, ..)| *name == provider);
    Cloud {
        name: provider.to_owned(),
        console: known.map_or_else(String::new, |(_, _, console, _)| (*console).to_owned()),
        status: known.map_or_else(String::new, |(_, _, _, status)| (*status).to_owned()),
    }
}

fn by_firmware(host: &Host) -> Option<Cloud> {
    let dmi = ["sys_vendor", "product_name", "chassis_asset_tag", "bios_vendor"]
        .iter()
        .filter_map(|name| text(host, &format!("/sys/class/dmi/id/{name}")))
        .collect::<Vec<_>>()
        .join("\n");
    let hyper_v_at_home =
        dmi.contains("Microsoft Corporation") && !dmi.contains("7783-7084-3265-9085-8269-3286-77");
    PROVIDERS
        .iter()
        .find(|(mark, ..)| dmi.contains(mark) && !(hyper_v_at_home && *mark == "Microsoft Corporation"))
        .map(|(_, name, ..)| named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_told_from_the_end_of_a_host_name_or_by_its_id() {
        let name = |host: &str| by_name(host).map(|cloud| cloud.name);
        assert_eq!(
            name("ip-10-0-0-5.eu-central-1.compute.internal").as_deref(),
            Some("Amazon EC2")
        );
        assert_eq!(
            name("static.1.2.3.4.clients.your-server.de").as_deref(),
            Some("Hetzner")
        );
        assert_eq!(name("shop.example.com"), None);
        assert_eq!(name("your-server.de.example.com"), None);
        let known: Vec<&str> = PROVIDERS.iter().map(|(_, name, ..)| *name).collect();
        for (id, name) in IDS {
            assert!(known.contains(name), "{id}");
        }
    }
}
