#include "engine/comm/local.h"

#include <cstring>

#include "engine/error.h"

namespace plait {
namespace {

void copy_piece(const void* send, std::span<const Piece> pieces, std::size_t element_bytes, void* receive) {
  check(pieces.size() == 1, "one piece a rank");
  if (pieces[0].count == 0) return;
  std::memcpy(receive, static_cast<const std::byte*>(send) + static_cast<std::size_t>(pieces[0].begin) * element_bytes,
              static_cast<std::size_t>(pieces[0].count) * element_bytes);
}

}  // namespace

PendingCollective LocalCommunicator::all_to_all(const void* send, std::span<const Piece> pieces,
                                                std::size_t element_bytes, void* receive, cudaStream_t) {
  copy_piece(send, pieces, element_bytes, receive);
  return {};
}

PendingCollective LocalCommunicator::all_gather(void*, std::span<const Piece> pieces, std::size_t, cudaStream_t) {
  check(pieces.size() == 1, "one piece a rank");
  return {};
}

PendingCollective LocalCommunicator::all_reduce(float*, std::int64_t, cudaStream_t) {
  return {};
}

PendingCollective LocalCommunicator::reduce_scatter(const float* send, std::span<const Piece> pieces, float* receive,
                                                    cudaStream_t) {
  copy_piece(send, pieces, sizeof(float), receive);
  return {};
}

PendingCollective LocalCommunicator::broadcast(void*, std::size_t, int root, cudaStream_t) {
  check(root == 0, "the root of a broadcast is one of the ranks");
  return {};
}

PendingCollective LocalCommunicator::barrier(cudaStream_t) {
  return {};
}

}  // namespace plait
