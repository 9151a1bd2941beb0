#include "server/stream/positions.h"

#include <algorithm>
#include <optional>

#include "server/base/mutex.h"
#include "server/log/sequence.h"

namespace enveloperelay {

StreamPositions::Entry::Entry(StreamPositions& positions, Sequence position)
    : positions_(positions), position_(position.value) {
  const MutexLock lock(positions_.mutex_);
  positions_.entries_.insert(this);
}

StreamPositions::Entry::~Entry() {
  const MutexLock lock(positions_.mutex_);
  positions_.entries_.erase(this);
}

std::optional<Sequence> StreamPositions::Hindmost() const {
  std::optional<Sequence> hindmost;
  const MutexLock lock(mutex_);
  for (const Entry* entry : entries_) {
    const Sequence position = entry->Get();
    hindmost = std::min(hindmost.value_or(position), position);
  }
  return hindmost;
}

}  // namespace enveloperelay
