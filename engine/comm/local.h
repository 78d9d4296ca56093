// One rank alone, host memory: every operation is a copy or nothing, done when the call returns.
#pragma once

#include "engine/comm/communicator.h"

namespace plait {

class LocalCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }

  PendingCollective all_to_all(const void* send, std::span<const Piece> pieces, std::size_t element_bytes,
                               void* receive, cudaStream_t stream) override;
  PendingCollective all_gather(void* data, std::span<const Piece> pieces, std::size_t element_bytes,
                               cudaStream_t stream) override;
  PendingCollective all_reduce(float* data, std::int64_t count, cudaStream_t stream) override;
  PendingCollective reduce_scatter(const float* send, std::span<const Piece> pieces, float* receive,
                                   cudaStream_t stream) override;
  PendingCollective broadcast(void* data, std::size_t bytes, int root, cudaStream_t stream) override;
  PendingCollective barrier(cudaStream_t stream) override;

 private:
  void wait_for(std::uint64_t) override {}
};

}  // namespace plait
