#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_NOTES_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_NOTES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {

// What is told on standard error while a command goes on. Thread-safe.

void Note(const std::string& text);

// Events were lost to retention.
void NoteGap(const v1::Gap& gap);

// A stream or call has ended with `status`, OK as planned, and is tried again.
void NoteRetry(const absl::Status& status, absl::Duration delay,
               const std::string& target);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_NOTES_H_
