//! The cloud provider, by what the firmware says.

use super::machine::text;
use crate::evidence::Cloud;
use crate::host::Host;

/// The provider, by what the firmware says.
pub(super) fn cloud(host: &Host) -> Option<Cloud> {
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
        .map(|(_, name, console, status)| Cloud {
            name: (*name).to_owned(),
            console: (*console).to_owned(),
            status: (*status).to_owned(),
        })
}
