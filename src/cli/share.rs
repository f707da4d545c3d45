//! `rogatory share` and `rogatory unshare`.

use clap::{Args, ValueEnum};

use super::connect::AgencyAccess;
use super::exit::Failure;
use super::out::Out;
use super::view;
use crate::domain::{MessageId, PackageId};
use crate::pb::v1 as pb;

/// Gives a message of another authority, or a package of it, to a further agency to read
///
/// What was obtained stays within the proceeding for which it was asked for. For anything else its
/// sender has to consent (`rogatory reply ID --use-purpose "…"` asks); what exculpates an accused
/// person may be given once the sender was told (`rogatory reply ID --kind EXCULPATORY_NOTICE`).
#[derive(Args)]
pub(crate) struct ShareArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message
    id: MessageId,
    /// The agency that is given it
    #[arg(long, value_name = "AGENCY")]
    with: String,
    /// A package of it and nothing else: no limit of another part binds that; may be said again for others
    #[arg(long, value_name = "PACKAGE")]
    package: Option<PackageId>,
    /// For what
    #[arg(long = "for", value_name = "PURPOSE")]
    purpose: Purpose,
    /// The USE_CONSENT_RESPONSE that grants it
    #[arg(long, value_name = "ID")]
    consent: Option<MessageId>,
    /// To exculpate somebody: advance notice is not possible, and follows without delay
    #[arg(long)]
    notice_follows: bool,
}

/// Takes a message back from an agency that it was shared with
#[derive(Args)]
pub(crate) struct UnshareArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message
    id: MessageId,
    /// The agency
    #[arg(long, value_name = "AGENCY")]
    with: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Purpose {
    /// The proceeding for which it was asked for, or given
    SameProceeding,
    /// Anything else
    #[value(name = "other-purpose")]
    Other,
    /// It exculpates an accused person
    Exculpatory,
}

impl From<Purpose> for pb::ReleasePurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::SameProceeding => Self::SameProceeding,
            Purpose::Other => Self::OtherPurpose,
            Purpose::Exculpatory => Self::Exculpatory,
        }
    }
}

pub(crate) async fn share(args: ShareArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    let request = pb::ShareMessageRequest {
        name: format!("messages/{}", args.id),
        agency: args.with,
        purpose: pb::ReleasePurpose::from(args.purpose) as i32,
        consent: args.consent.map(|id| format!("messages/{id}")).unwrap_or_default(),
        notice_follows: args.notice_follows,
        package: args.package.map(|id| format!("packages/{id}")).unwrap_or_default(),
    };
    let message = client.share_message(request).await?.into_inner();
    print(&message, out);
    if args.notice_follows {
        out.talk("note: tell its sender now: `rogatory reply ID --kind EXCULPATORY_NOTICE`");
    }
    Ok(())
}

pub(crate) async fn unshare(args: UnshareArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    let name = format!("messages/{}", args.id);
    let request = pb::UnshareMessageRequest { name, agency: args.with };
    print(&client.unshare_message(request).await?.into_inner(), out);
    Ok(())
}

fn print(message: &pb::Message, out: &mut Out) {
    let header = ["agency", "part", "for", "rests on", "since", "consent", "entry"];
    out.list(&header, &message.shares, row, view::share);
}

fn row(share: &pb::Share) -> Vec<String> {
    vec![
        share.agency.clone(),
        match share.package.trim_start_matches("packages/") {
            "" => "all".to_owned(),
            package => package.to_owned(),
        },
        view::release_purpose(share.purpose).to_owned(),
        share.ground.clone(),
        share.share_time.clone(),
        share.consent.trim_start_matches("messages/").to_owned(),
        view::place(share.log, share.log_index),
    ]
}
