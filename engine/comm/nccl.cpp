// Collectives among GPUs. Operations are enqueued on the caller's stream, also while it is captured; an event behind
// each tells the watchdog how far the device has come, and NCCL's own asynchronous errors are looked up with it.
#include <nccl.h>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "engine/comm/device_communicator.h"
#include "engine/error.h"
#include "kernels/gpu_runtime.h"

namespace plait {
namespace {

using Clock = std::chrono::steady_clock;

void check_nccl(ncclResult_t result, const char* what) {
  if (result != ncclSuccess) fail_device(std::string("NCCL: ") + what + ": " + ncclGetErrorString(result));
}

// The operations between its two ends are one.
class NcclGroup {
 public:
  NcclGroup() { check_nccl(ncclGroupStart(), "the start of a group"); }
  void end() { check_nccl(ncclGroupEnd(), "a group of operations"); }
};

class NcclCommunicator final : public Communicator, public ObservedCommunicator {
 public:
  explicit NcclCommunicator(ProcessGroup& group) : rank_(group.rank()), size_(group.size()) {
    ncclUniqueId id{};
    if (rank_ == 0) check_nccl(ncclGetUniqueId(&id), "an id for the ranks");
    group.host().broadcast(&id, sizeof id, 0, nullptr).wait();
    check_nccl(ncclCommInitRank(&nccl_, size_, id, rank_), "the ranks' meeting");
    token_ = static_cast<float*>(gpu::allocate(sizeof(float)));
    group.observe(*this);
  }
  ~NcclCommunicator() override {
    gpu::release(token_);
    for (const Operation& operation : operations_) gpu::destroy(operation.reached);
    abort();  // nothing is under way any more; ncclCommDestroy would wait for peers that may have failed
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  PendingCollective all_to_all(const void* send, std::span<const Piece> pieces, std::size_t element_bytes,
                               void* receive, cudaStream_t stream) override {
    const std::size_t own = bytes_of(pieces[static_cast<std::size_t>(rank_)], element_bytes);
    NcclGroup group;
    for (int peer = 0; peer < size_; ++peer) {
      const Piece& piece = pieces[static_cast<std::size_t>(peer)];
      if (const std::size_t bytes = bytes_of(piece, element_bytes); bytes > 0)
        check_nccl(ncclSend(at(send, piece, element_bytes), bytes, ncclChar, peer, nccl_, stream), "send");
      if (own > 0)
        check_nccl(ncclRecv(static_cast<std::byte*>(receive) + static_cast<std::size_t>(peer) * own, own, ncclChar,
                            peer, nccl_, stream),
                   "receive");
    }
    group.end();
    return issued("all_to_all", 0, pieces, element_bytes, stream);
  }

  PendingCollective all_gather(void* data, std::span<const Piece> pieces, std::size_t element_bytes,
                               cudaStream_t stream) override {
    NcclGroup group;  // pieces differ in length, so it is a broadcast of each
    for (int root = 0; root < size_; ++root) {
      const Piece& piece = pieces[static_cast<std::size_t>(root)];
      std::byte* there = at(data, piece, element_bytes);
      if (piece.count > 0)
        check_nccl(ncclBroadcast(there, there, bytes_of(piece, element_bytes), ncclChar, root, nccl_, stream),
                   "gather");
    }
    group.end();
    return issued("all_gather", 1, pieces, element_bytes, stream);
  }

  PendingCollective all_reduce(float* data, std::int64_t count, cudaStream_t stream) override {
    check_nccl(ncclAllReduce(data, data, static_cast<std::size_t>(count), ncclFloat, ncclSum, nccl_, stream),
               "all-reduce");
    return issued("all_reduce", 2, whole(count), sizeof(float), stream);
  }

  PendingCollective reduce_scatter(const float* send, std::span<const Piece> pieces, float* receive,
                                   cudaStream_t stream) override {
    NcclGroup group;
    for (int root = 0; root < size_; ++root) {
      const Piece& piece = pieces[static_cast<std::size_t>(root)];
      if (piece.count > 0)
        check_nccl(ncclReduce(send + piece.begin, root == rank_ ? receive : nullptr,
                              static_cast<std::size_t>(piece.count), ncclFloat, ncclSum, root, nccl_, stream),
                   "reduce-scatter");
    }
    group.end();
    return issued("reduce_scatter", 3, pieces, sizeof(float), stream);
  }

  PendingCollective broadcast(void* data, std::size_t bytes, int root, cudaStream_t stream) override {
    check_nccl(ncclBroadcast(data, data, bytes, ncclChar, root, nccl_, stream), "broadcast");
    return issued("broadcast", 4 + static_cast<std::uint64_t>(root), whole(static_cast<std::int64_t>(bytes)), 1,
                  stream);
  }

  PendingCollective barrier(cudaStream_t stream) override {
    check_nccl(ncclAllReduce(token_, token_, 1, ncclFloat, ncclSum, nccl_, stream), "barrier");
    return issued("barrier", 3, whole(1), sizeof(float), stream);
  }

  void replayed(cudaStream_t stream) override { static_cast<void>(issued("captured step", 2, whole(0), 1, stream)); }

  CollectiveState state() const override {
    const std::lock_guard lock(mutex_);
    while (ended_ < issued_ && gpu::is_done(operation(ended_ + 1).reached)) {
      ++ended_;
      since_ = Clock::now();
    }
    CollectiveState state;
    state.issued = issued_;
    state.ended = ended_;
    const std::uint64_t first = std::max<std::uint64_t>(std::max<std::uint64_t>(ended_, 4) - 3, forgotten_ + 1);
    for (std::uint64_t n = first; n <= std::min(issued_, ended_ + 4); ++n)
      state.signatures[n % 8] = operation(n).signature;
    if (ended_ < issued_) {
      state.name = operation(ended_ + 1).name;
      state.bytes = operation(ended_ + 1).bytes;
      state.since = since_;
    }
    ncclResult_t error = ncclSuccess;
    if (!aborted_ && ncclCommGetAsyncError(nccl_, &error) == ncclSuccess && error != ncclSuccess &&
        error != ncclInProgress)
      state.failure = std::string("NCCL: ") + ncclGetErrorString(error);
    return state;
  }

  void abort() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(aborted_, true)) return;
    }
    ncclCommAbort(nccl_);
  }

 private:
  struct Operation {
    const char* name = "";
    std::uint64_t bytes = 0, signature = 0;
    cudaEvent_t reached = nullptr;
  };

  static std::size_t bytes_of(const Piece& piece, std::size_t element_bytes) {
    return static_cast<std::size_t>(piece.count) * element_bytes;
  }
  static std::byte* at(const void* data, const Piece& piece, std::size_t element_bytes) {
    return static_cast<std::byte*>(const_cast<void*>(data)) + static_cast<std::size_t>(piece.begin) * element_bytes;
  }
  static std::array<Piece, 1> whole(std::int64_t count) { return {Piece{.begin = 0, .count = count}}; }

  const Operation& operation(std::uint64_t number) const {
    return operations_[static_cast<std::size_t>(number - forgotten_ - 1)];
  }

  // What is being captured runs when the graph is replayed: replayed() speaks for it.
  PendingCollective issued(const char* name, std::uint64_t kind, std::span<const Piece> pieces,
                           std::size_t element_bytes, cudaStream_t stream) {
    if (gpu::is_captured(stream)) return {};
    Signature signature;
    signature.add(kind);
    signature.add(element_bytes);
    Operation next{.name = name};
    for (const Piece& piece : pieces) {
      signature.add(static_cast<std::uint64_t>(piece.begin));
      signature.add(static_cast<std::uint64_t>(piece.count));
      next.bytes += bytes_of(piece, element_bytes);
    }
    next.signature = signature.value();
    const std::lock_guard lock(mutex_);
    if (ended_ > forgotten_ + 8) {  // an old event serves again
      next.reached = operations_.front().reached;
      operations_.pop_front();
      ++forgotten_;
    } else {
      next.reached = gpu::create_event();
    }
    gpu::record(next.reached, stream);
    if (ended_ == issued_) since_ = Clock::now();
    operations_.push_back(next);
    ++issued_;
    return {};
  }

  void wait_for(std::uint64_t) override {}  // the stream does

  const int rank_, size_;
  ncclComm_t nccl_ = nullptr;
  float* token_ = nullptr;  // what a barrier adds up

  mutable std::mutex mutex_;
  std::deque<Operation> operations_;  // numbers forgotten_ + 1 to issued_
  std::uint64_t forgotten_ = 0, issued_ = 0;
  mutable std::uint64_t ended_ = 0;
  mutable Clock::time_point since_;
  bool aborted_ = false;
};

}  // namespace

bool joins_devices() {
  return true;
}

std::unique_ptr<Communicator> join_on_devices(ProcessGroup& group) {
  return std::make_unique<NcclCommunicator>(group);
}

}  // namespace plait
