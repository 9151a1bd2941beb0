#include "client/envelopectl/notes.h"

#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/envelopectl/errors.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {

void Note(const std::string& text) {
  absl::FPrintF(stderr, "envelopectl: %s\n", text);
}

void NoteGap(const v1::Gap& gap) {
  Note(absl::StrFormat(
      "%u events are no longer retained; going on at sequence %u",
      gap.lost_events(), gap.next_sequence()));
}

void NoteRetry(const absl::Status& status, absl::Duration delay,
               const std::string& target) {
  const std::string why = status.ok() ? "the relay ended the stream as planned"
                                      : ExplainGrpcError(status, target);
  Note(absl::StrFormat("%s; trying again in %.1f s", why,
                       absl::ToDoubleSeconds(delay)));
}

}  // namespace enveloperelay::client
