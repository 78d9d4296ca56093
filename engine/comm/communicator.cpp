#include "engine/comm/communicator.h"

namespace plait {

std::vector<Piece> one_each(int ranks) {
  std::vector<Piece> pieces(static_cast<std::size_t>(ranks));
  for (std::size_t rank = 0; rank < pieces.size(); ++rank)
    pieces[rank] = {.begin = static_cast<std::int64_t>(rank), .count = 1};
  return pieces;
}

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
