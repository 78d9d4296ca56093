#include "engine/comm/mpi_communicator.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "engine/comm/mpi_error.h"
#include "engine/error.h"

namespace plait {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* names[] = {"all_to_all", "all_gather", "all_reduce", "reduce_scatter", "broadcast", "barrier"};

template <class Operation>
std::uint64_t signature_of(const Operation& operation) {
  Signature words;
  words.add(static_cast<std::uint64_t>(operation.kind));
  words.add(operation.element_bytes);
  words.add(static_cast<std::uint64_t>(operation.root));
  words.add(static_cast<std::uint64_t>(operation.count));
  for (const Piece& piece : operation.pieces) {
    words.add(static_cast<std::uint64_t>(piece.begin));
    words.add(static_cast<std::uint64_t>(piece.count));
  }
  return words.value();
}

// How a polling thread passes the time: at first it only lets others run, about as long as the operation takes when its
// peers are there, for long messages may go in many small pieces, each of which wants a look. Then it sleeps, ever
// longer, so that it takes little (2 % of a core) from threads that compute, and answers within a sixteenth of the time
// it has waited.
class Pause {
 public:
  void worked() { idle_since_ = Clock::now(); }
  void operator()(std::uint64_t bytes) {
    const Clock::duration idle = Clock::now() - idle_since_;
    if (idle < std::chrono::microseconds(200) + std::chrono::nanoseconds(bytes / 2))
      sched_yield();
    else
      std::this_thread::sleep_for(
          std::clamp<Clock::duration>(idle / 16, std::chrono::microseconds(20), std::chrono::microseconds(500)));
  }

 private:
  Clock::time_point idle_since_ = Clock::now();
};

}  // namespace

MpiCommunicator::MpiCommunicator(MPI_Comm among, std::size_t largest_message) : largest_message_(largest_message) {
  check_mpi(MPI_Comm_dup(among, &communicator_));
  check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN));
  check_mpi(MPI_Comm_rank(communicator_, &rank_));
  check_mpi(MPI_Comm_size(communicator_, &size_));
  for (Operation& operation : operations_) {
    operation.pieces.reserve(static_cast<std::size_t>(size_));
    operation.requests.reserve(2 * static_cast<std::size_t>(size_));
  }
  thread_ = std::thread([this] { run(); });
}

MpiCommunicator::~MpiCommunicator() {
  close();
}

void MpiCommunicator::close() {
  closed_ = true;
  {
    const std::lock_guard lock(mutex_);
    work_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void MpiCommunicator::set_trace(Trace* trace) {
  const std::lock_guard lock(mutex_);
  trace_ = trace;
}

CollectiveState MpiCommunicator::state() const {
  const std::lock_guard lock(state_mutex_);
  return state_;
}

// For state(). `next_one`: operation ended + 1 has come to its turn just now.
void MpiCommunicator::publish(bool next_one) {
  const std::lock_guard lock(state_mutex_);
  state_.issued = issued_;
  state_.ended = ended_;
  for (std::uint64_t n = std::max<std::uint64_t>(ended_, 4) - 3; n <= ended_ + 4; ++n)
    state_.signatures[n % 8] = n <= issued_ ? slot(n).signature : 0;
  if (!next_one) return;
  const Operation& operation = slot(ended_ + 1);
  state_.name = names[static_cast<std::size_t>(operation.kind)];
  state_.bytes = static_cast<std::uint64_t>(operation.count) * operation.element_bytes;
  state_.since = Clock::now();
  current_bytes_ = state_.bytes;
}

void MpiCommunicator::fail(int error) {
  if (error == MPI_SUCCESS || failed_) return;
  failed_ = true;
  const std::lock_guard lock(state_mutex_);
  state_.failure = "MPI: " + mpi_error_text(error);
}

// With mutex_, as all that follows. Waits for room in the ring, where some that have ended are still remembered.
MpiCommunicator::Operation& MpiCommunicator::next_slot(Kind kind) {
  check(!closed_, "a collective after the end of the process group");
  Pause pause;
  while (issued_ - ended_ >= operations_.size() - 8 && !closed_) {
    if (advance())
      pause.worked();
    else
      pause(current_bytes_);
  }
  Operation& operation = slot(issued_ + 1);
  operation.kind = kind;
  operation.send = operation.receive = nullptr;
  operation.pieces.clear();
  operation.element_bytes = 1;
  operation.count = operation.next = 0;
  operation.root = 0;
  operation.started = false;
  operation.requests.clear();
  return operation;
}

PendingCollective MpiCommunicator::issue(Operation& operation) {
  operation.signature = signature_of(operation);
  ++issued_;
  publish(issued_ == ended_ + 1);
  advance();
  if (ended_ < issued_) work_.notify_one();
  return {*this, issued_};
}

void MpiCommunicator::send(const std::byte* bytes, std::size_t count, int peer, int tag, Operation& operation) {
  for (std::size_t begin = 0; begin < count; begin += largest_message_)
    fail(MPI_Isend(bytes + begin, static_cast<int>(std::min(largest_message_, count - begin)), MPI_BYTE, peer, tag,
                   communicator_, &operation.requests.emplace_back(MPI_REQUEST_NULL)));
}

void MpiCommunicator::receive(std::byte* bytes, std::size_t count, int peer, int tag, Operation& operation) {
  for (std::size_t begin = 0; begin < count; begin += largest_message_)
    fail(MPI_Irecv(bytes + begin, static_cast<int>(std::min(largest_message_, count - begin)), MPI_BYTE, peer, tag,
                   communicator_, &operation.requests.emplace_back(MPI_REQUEST_NULL)));
}

void MpiCommunicator::exchange(Operation& operation) {
  // Another tag for another kind and neighbours in the sequence: what does not belong together does not meet.
  const int tag = static_cast<int>(operation.kind) * 4096 + static_cast<int>((ended_ + 1) % 4096);
  const bool gather = operation.kind == Kind::all_gather;
  const std::size_t unit = operation.element_bytes;
  const auto begin_of = [&](int rank) {
    return static_cast<std::size_t>(operation.pieces[static_cast<std::size_t>(rank)].begin) * unit;
  };
  const auto bytes_of = [&](int rank) {
    return static_cast<std::size_t>(operation.pieces[static_cast<std::size_t>(rank)].count) * unit;
  };
  // From the next rank on, so that not all send to rank 0 first.
  for (int step = 1; step < size_; ++step) {
    const int from = (rank_ + size_ - step) % size_;
    if (gather)
      receive(operation.receive + begin_of(from), bytes_of(from), from, tag, operation);
    else
      receive(operation.receive + static_cast<std::size_t>(from) * bytes_of(rank_), bytes_of(rank_), from, tag,
              operation);
  }
  for (int step = 1; step < size_; ++step) {
    const int to = (rank_ + step) % size_;
    if (gather)
      send(operation.receive + begin_of(rank_), bytes_of(rank_), to, tag, operation);
    else
      send(operation.send + begin_of(to), bytes_of(to), to, tag, operation);
  }
  if (!gather && bytes_of(rank_) > 0)
    std::memcpy(operation.receive + static_cast<std::size_t>(rank_) * bytes_of(rank_), operation.send + begin_of(rank_),
                bytes_of(rank_));
  operation.next = operation.count;
}

// The next part of an operation that MPI has as a collective; all ranks cut at the same places.
void MpiCommunicator::start_part(Operation& operation) {
  const std::int64_t largest_count = static_cast<std::int64_t>(largest_message_ / operation.element_bytes);
  const std::int64_t begin = operation.next;
  const std::int64_t part = std::min(operation.count - begin, largest_count);
  const int count = static_cast<int>(part);
  operation.next = begin + part;
  const auto request = [&] { return &operation.requests.emplace_back(MPI_REQUEST_NULL); };
  switch (operation.kind) {
    case Kind::all_reduce:
      fail(MPI_Iallreduce(MPI_IN_PLACE, operation.receive + begin * 4, count, MPI_FLOAT, MPI_SUM, communicator_,
                          request()));
      break;
    case Kind::broadcast:
      fail(MPI_Ibcast(operation.receive + begin, count, MPI_BYTE, operation.root, communicator_, request()));
      break;
    case Kind::barrier:
      fail(MPI_Ibarrier(communicator_, request()));
      break;
    case Kind::reduce_scatter:  // pieces may lie anywhere: a sum a rank
      for (int root = 0; root < size_; ++root) {
        const Piece piece = operation.pieces[static_cast<std::size_t>(root)];
        for (std::int64_t at = 0; at < piece.count; at += largest_count)
          fail(MPI_Ireduce(operation.send + (piece.begin + at) * 4,
                           root == rank_ ? operation.receive + at * 4 : nullptr,
                           static_cast<int>(std::min(piece.count - at, largest_count)), MPI_FLOAT, MPI_SUM, root,
                           communicator_, request()));
      }
      operation.next = operation.count;
      break;
    case Kind::all_to_all:
    case Kind::all_gather:
      break;  // exchange()
  }
}

void MpiCommunicator::start(Operation& operation) {
  operation.started = true;
  operation.requests.clear();
  if (operation.kind == Kind::all_to_all || operation.kind == Kind::all_gather)
    exchange(operation);
  else if (operation.next < operation.count || operation.kind == Kind::barrier)
    start_part(operation);
}

bool MpiCommunicator::advance() {
  bool any = false;
  while (ended_ < issued_ && !failed_) {
    Operation& operation = slot(ended_ + 1);
    if (!operation.started) {
      if (trace_ != nullptr) operation.began = trace_->now();
      start(operation);
    }
    if (failed_) return any;
    int done = 1;
    if (!operation.requests.empty())
      fail(MPI_Testall(static_cast<int>(operation.requests.size()), operation.requests.data(), &done,
                       MPI_STATUSES_IGNORE));
    if (done == 0 || failed_) return any;
    any = true;
    if (operation.next < operation.count) {
      start(operation);
      continue;
    }
    if (trace_ != nullptr)
      trace_->add({.name = names[static_cast<std::size_t>(operation.kind)],
                   .track = Trace::Track::ranks,
                   .begin = operation.began,
                   .duration = trace_->now() - operation.began});
    ended_ = ended_ + 1;
    publish(ended_ < issued_);
  }
  return any;
}

void MpiCommunicator::wait_for(std::uint64_t ticket) {
  if (ended_ >= ticket) return;
  ++waiting_;
  Pause pause;
  // After an error of MPI the watchdog finds out who is lost, and ends the process.
  while (ended_ < ticket && !closed_) {
    bool worked = false;
    if (std::unique_lock lock(mutex_, std::try_to_lock); lock) worked = advance();
    if (worked)
      pause.worked();
    else
      pause(current_bytes_);
  }
  --waiting_;
  if (ended_ < issued_) {
    const std::lock_guard lock(mutex_);
    work_.notify_one();
  }
}

void MpiCommunicator::run() {
  Pause pause;
  while (!closed_) {
    {
      std::unique_lock lock(mutex_);
      const auto idle = [&] { return ended_ == issued_ || waiting_ > 0; };
      if (idle() && !closed_) {
        // Notified for new work; looks up by itself for work that a waiting thread has left.
        work_.wait_for(lock, std::chrono::milliseconds(waiting_ > 0 ? 1 : 100), [&] { return !idle() || closed_; });
        pause.worked();
      }
      if (closed_) return;
      if (!idle() && advance()) pause.worked();
    }
    pause(current_bytes_);
  }
}

PendingCollective MpiCommunicator::all_to_all(const void* send, std::span<const Piece> pieces,
                                              std::size_t element_bytes, void* receive, cudaStream_t) {
  check(pieces.size() == static_cast<std::size_t>(size_), "one piece a rank");
  const std::lock_guard lock(mutex_);
  Operation& operation = next_slot(Kind::all_to_all);
  operation.send = static_cast<std::byte*>(const_cast<void*>(send));
  operation.receive = static_cast<std::byte*>(receive);
  operation.pieces.assign(pieces.begin(), pieces.end());
  operation.element_bytes = element_bytes;
  for (const Piece& piece : pieces) operation.count += piece.count;
  return issue(operation);
}

PendingCollective MpiCommunicator::all_gather(void* data, std::span<const Piece> pieces, std::size_t element_bytes,
                                              cudaStream_t) {
  check(pieces.size() == static_cast<std::size_t>(size_), "one piece a rank");
  const std::lock_guard lock(mutex_);
  Operation& operation = next_slot(Kind::all_gather);
  operation.receive = static_cast<std::byte*>(data);
  operation.pieces.assign(pieces.begin(), pieces.end());
  operation.element_bytes = element_bytes;
  for (const Piece& piece : pieces) operation.count += piece.count;
  return issue(operation);
}

PendingCollective MpiCommunicator::all_reduce(float* data, std::int64_t count, cudaStream_t) {
  const std::lock_guard lock(mutex_);
  Operation& operation = next_slot(Kind::all_reduce);
  operation.receive = reinterpret_cast<std::byte*>(data);
  operation.element_bytes = sizeof(float);
  operation.count = count;
  return issue(operation);
}

PendingCollective MpiCommunicator::reduce_scatter(const float* send, std::span<const Piece> pieces, float* receive,
                                                  cudaStream_t) {
  check(pieces.size() == static_cast<std::size_t>(size_), "one piece a rank");
  const std::lock_guard lock(mutex_);
  Operation& operation = next_slot(Kind::reduce_scatter);
  operation.send = reinterpret_cast<std::byte*>(const_cast<float*>(send));
  operation.receive = reinterpret_cast<std::byte*>(receive);
  operation.pieces.assign(pieces.begin(), pieces.end());
  operation.element_bytes = sizeof(float);
  for (const Piece& piece : pieces) operation.count += piece.count;
  return issue(operation);
}

PendingCollective MpiCommunicator::broadcast(void* data, std::size_t bytes, int root, cudaStream_t) {
  check(root >= 0 && root < size_, "the root of a broadcast is one of the ranks");
  const std::lock_guard lock(mutex_);
  Operation& operation = next_slot(Kind::broadcast);
  operation.receive = static_cast<std::byte*>(data);
  operation.count = static_cast<std::int64_t>(bytes);
  operation.root = root;
  return issue(operation);
}

PendingCollective MpiCommunicator::barrier(cudaStream_t) {
  const std::lock_guard lock(mutex_);
  return issue(next_slot(Kind::barrier));
}

}  // namespace plait
