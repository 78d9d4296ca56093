#include "engine/trace.h"

#include <new>

namespace plait {

void Trace::add(const Span& span) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    if (spans_.size() < most_spans) {
      spans_.push_back(span);
      return;
    }
  } catch (const std::bad_alloc&) {  // what is watched comes first
  }
  ++left_out_;
}

void Phase::finish() noexcept {
  span_.duration = trace_->now() - span_.begin;
  trace_->add(span_);
}

}  // namespace plait
