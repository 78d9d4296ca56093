// Collectives over MPI in host memory. Whoever waits does the work: MPI moves messages only while somebody calls it, so
// a waiting thread polls, and beside computing threads a thread of our own does. No call blocks, so that a lost peer
// leaves nobody in a place where he cannot be told.
//
// all_to_all and all_gather are written as messages (any size, no counts or displacements of 32 bits; Open MPI's
// non-blocking forms send the same ones), the others are MPI's non-blocking collectives.
#pragma once

#include <mpi.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/comm/collective_state.h"
#include "engine/comm/communicator.h"

namespace plait {

class MpiCommunicator final : public Communicator, public ObservedCommunicator {
 public:
  // Its own duplicate of `among`. MPI_THREAD_MULTIPLE. What is longer than largest_message bytes goes in parts, for MPI
  // counts in 32 bits.
  explicit MpiCommunicator(MPI_Comm among, std::size_t largest_message = std::size_t{1} << 30);
  ~MpiCommunicator() override;  // close()

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  PendingCollective all_to_all(const void* send, std::span<const Piece> pieces, std::size_t element_bytes,
                               void* receive, cudaStream_t stream) override;
  PendingCollective all_gather(void* data, std::span<const Piece> pieces, std::size_t element_bytes,
                               cudaStream_t stream) override;
  PendingCollective all_reduce(float* data, std::int64_t count, cudaStream_t stream) override;
  PendingCollective reduce_scatter(const float* send, std::span<const Piece> pieces, float* receive,
                                   cudaStream_t stream) override;
  PendingCollective broadcast(void* data, std::size_t bytes, int root, cudaStream_t stream) override;
  PendingCollective barrier(cudaStream_t stream) override;

  // A span lasts from an operation's turn to its end.
  void set_trace(Trace* trace) override;

  CollectiveState state() const override;

  // Ends the thread. What has not ended is left as it is, and waiting for it returns; nothing can be called after that.
  void close();

 private:
  enum class Kind { all_to_all, all_gather, all_reduce, reduce_scatter, broadcast, barrier };
  struct Operation {
    Kind kind = Kind::barrier;
    std::byte* send = nullptr;
    std::byte* receive = nullptr;
    std::vector<Piece> pieces;
    std::size_t element_bytes = 1;
    std::int64_t count = 0;  // elements in all
    int root = 0;
    std::uint64_t signature = 0;
    std::int64_t next = 0;  // of count: where the next part begins
    bool started = false;
    std::int64_t began = 0;  // in the trace's time
    std::vector<MPI_Request> requests;
  };

  Operation& next_slot(Kind kind);
  PendingCollective issue(Operation& operation);
  void wait_for(std::uint64_t ticket) override;
  void run();
  bool advance();  // with mutex_; true: something has ended
  void start(Operation& operation);
  void start_part(Operation& operation);
  void exchange(Operation& operation);
  void send(const std::byte* bytes, std::size_t count, int peer, int tag, Operation& operation);
  void receive(std::byte* bytes, std::size_t count, int peer, int tag, Operation& operation);
  void fail(int error);
  void publish(bool next_one);
  Operation& slot(std::uint64_t number) { return operations_[number % operations_.size()]; }

  const std::size_t largest_message_;
  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;

  std::mutex mutex_;  // held while MPI is called, for the time of one test
  std::condition_variable work_;
  std::array<Operation, 64> operations_;  // a ring: a step allocates nothing once their vectors have grown
  std::uint64_t issued_ = 0;
  std::atomic<std::uint64_t> ended_ = 0;
  std::atomic<std::uint64_t> current_bytes_ = 0;  // of operation ended + 1
  Trace* trace_ = nullptr;
  std::atomic<int> waiting_ = 0;  // threads that poll themselves
  std::atomic<bool> closed_ = false, failed_ = false;

  mutable std::mutex state_mutex_;  // never held while MPI is called
  CollectiveState state_;
  std::thread thread_;
};

}  // namespace plait
