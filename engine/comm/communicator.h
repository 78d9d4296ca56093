// Collectives among the ranks of a training: every rank calls the same operations in the same order with matching
// sizes. An operation starts at once and returns a handle; its memory belongs to it until wait() returns. Operations of
// one communicator run one after the other, beside the caller's own work.
//
// Implementations: LocalCommunicator (one rank), MPI (host memory; `stream` is not looked at) and NCCL (device memory:
// the operation takes its place in the order of `stream`, and wait() returns at once).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/trace.h"
#include "kernels/stream.h"

namespace plait {

// A run of elements in a buffer.
struct Piece {
  std::int64_t begin = 0, count = 0;
};

// One element a rank.
std::vector<Piece> one_each(int ranks);

class Communicator;

// One operation under way, at most once waited for. Default-constructed: done.
class PendingCollective {
 public:
  PendingCollective() = default;
  PendingCollective(Communicator& communicator, std::uint64_t ticket) : communicator_(&communicator), ticket_(ticket) {}
  PendingCollective(PendingCollective&& other) noexcept
      : communicator_(std::exchange(other.communicator_, nullptr)), ticket_(other.ticket_) {}
  PendingCollective& operator=(PendingCollective&& other) noexcept;
  // Waits, whatever went wrong elsewhere: until then the operation reads and writes its memory. Errors are swallowed.
  ~PendingCollective();

  void wait();  // throws Error(ExitCode::peer) when the operation cannot end because a peer is lost

 private:
  Communicator* communicator_ = nullptr;
  std::uint64_t ticket_ = 0;
};

// `pieces`: one a rank, the same on every rank; copied, so they need not outlive the call. A piece may be empty.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Rank q gets everyone's pieces[q] of send: receive holds size() x pieces[rank()].count elements, by sending rank
  // (its own too). The buffers must not overlap.
  [[nodiscard]] virtual PendingCollective all_to_all(const void* send, std::span<const Piece> pieces,
                                                     std::size_t element_bytes, void* receive, cudaStream_t stream) = 0;
  // In place: rank q's pieces[q] of data reaches every rank. The pieces must not overlap.
  [[nodiscard]] virtual PendingCollective all_gather(void* data, std::span<const Piece> pieces,
                                                     std::size_t element_bytes, cudaStream_t stream) = 0;
  // Sums, in place; in what order is not promised, nor that it is the same for every number of ranks.
  [[nodiscard]] virtual PendingCollective all_reduce(float* data, std::int64_t count, cudaStream_t stream) = 0;
  // receive: pieces[rank()].count sums over all ranks of that piece of send; the order as above.
  [[nodiscard]] virtual PendingCollective reduce_scatter(const float* send, std::span<const Piece> pieces,
                                                         float* receive, cudaStream_t stream) = 0;
  [[nodiscard]] virtual PendingCollective broadcast(void* data, std::size_t bytes, int root, cudaStream_t stream) = 0;
  // Operations on a device that were captured into a graph run again with it, without a call: it has been enqueued on
  // `stream`.
  virtual void replayed(cudaStream_t) {}
  // Where it leaves the spans of its operations, if it knows when they begin and end; null: nowhere.
  virtual void set_trace(Trace*) {}
  // Done when every rank has come.
  [[nodiscard]] virtual PendingCollective barrier(cudaStream_t stream) = 0;

 protected:
  friend class PendingCollective;
  virtual void wait_for(std::uint64_t ticket) = 0;
};

}  // namespace plait
