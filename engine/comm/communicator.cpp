#include "engine/comm/communicator.h"

namespace plait {

PendingCollective& PendingCollective::operator=(PendingCollective&& other) noexcept {
  PendingCollective before(std::move(*this));  // waits at the end of this scope
  communicator_ = std::exchange(other.communicator_, nullptr);
  ticket_ = other.ticket_;
  return *this;
}

PendingCollective::~PendingCollective() {
  try {
    wait();
  } catch (...) {  // whoever lets the handle go does not ask
  }
}

void PendingCollective::wait() {
  if (communicator_ != nullptr) std::exchange(communicator_, nullptr)->wait_for(ticket_);
}

}  // namespace plait
