// Reductions and fills over flat buffers, in a fixed order whatever the thread count: sums are taken over fixed blocks
// of 4096 elements in order (each block serially over 8 interleaved double accumulators, combined pairwise), the block
// sums along a fixed binary tree: at every level neighbours 2i and 2i+1 are added, an odd last one is carried up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stream.h"

namespace plait {

inline constexpr std::int64_t reduce_block = 4096;

namespace cpu {

std::size_t reduce_workspace_bytes(std::int64_t count);

template <class T>
double sum(std::int64_t count, const T* x, void* workspace);

template <class T>
double sum_of_squares(std::int64_t count, const T* x, void* workspace);

// The two halves of sum_of_squares, for a buffer whose blocks lie on several ranks: sums[ceil(count / reduce_block)] of
// the blocks of a range that begins at one, and the tree over all blocks' sums, which overwrites them.
template <class T>
void block_sums_of_squares(std::int64_t count, const T* x, double* sums);
double sum_of_blocks(std::int64_t blocks, double* sums);

// The index of the first NaN or infinity, or -1.
template <class T>
std::int64_t first_non_finite(std::int64_t count, const T* x);

template <class T>
void fill(std::int64_t count, T value, T* x);

}  // namespace cpu

// The same on a device, with the same bits; results go to device memory. T = float or bf16.
namespace gpu {

std::size_t reduce_workspace_bytes(std::int64_t count);

template <class T>
void sum(std::int64_t count, const T* x, double* value, void* workspace, cudaStream_t stream);

template <class T>
void sum_of_squares(std::int64_t count, const T* x, double* value, void* workspace, cudaStream_t stream);

// sums[ceil(count / reduce_block)]: of the blocks of a range that begins at one. Tree: gpu::clip_norm_of_blocks
// (kernels/optimizer.h).
void block_sums_of_squares(std::int64_t count, const float* x, double* sums, cudaStream_t stream);

template <class T>
void first_non_finite(std::int64_t count, const T* x, std::int64_t* index, cudaStream_t stream);

template <class T>
void fill(std::int64_t count, T value, T* x, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
