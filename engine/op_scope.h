// Opens the function of every op: errors of memory name the op by it, and on the CPU a trace gets its span.
#pragma once

#include "engine/arena.h"
#include "engine/trace.h"

namespace plait {

class OpScope {
 public:
  explicit OpScope(Arena& arena, const char* name = __builtin_FUNCTION())
      : arena_(arena), outer_(arena.op()), trace_(arena.trace()) {
    arena_.set_op(name);
    if (trace_ != nullptr) begin_ = trace_->now();
  }
  ~OpScope() {
    if (trace_ != nullptr)
      trace_->add({.name = arena_.op(), .kind = Trace::Kind::op, .begin = begin_, .duration = trace_->now() - begin_});
    arena_.set_op(outer_);
  }
  OpScope(const OpScope&) = delete;
  OpScope& operator=(const OpScope&) = delete;

 private:
  Arena& arena_;
  const char* outer_;
  Trace* trace_;
  std::int64_t begin_ = 0;
};

}  // namespace plait
