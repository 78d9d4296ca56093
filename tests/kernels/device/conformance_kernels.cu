// The kernels of the conformance test: every wrapper of kernels/device/ and every word of CUDA that kernels use, each
// in the smallest kernel that shows all lanes' results. Compiled like the product's kernels.
#include <cstring>

#include "kernels/device/approximate.h"
#include "kernels/device/async_copy.h"
#include "kernels/device/matrix.h"
#include "kernels/device/named_barrier.h"
#include "kernels/device/pack_float.h"
#include "kernels/device/reduce.h"
#include "kernels/launch.h"
#include "tests/kernels/device/conformance.h"

namespace plait::testing {
namespace {

using device::full_warp;

__device__ __forceinline__ std::uint32_t word_of(float x) {
  return static_cast<std::uint32_t>(elementary::bits_of(x));
}
__device__ __forceinline__ int index_of_thread() {
  return static_cast<int>(threadIdx.x);
}

// A NaN has many bit patterns and instructions choose theirs.
__device__ __forceinline__ std::uint32_t one_nan(float x) {
  return x != x ? 0x7FC00000u : word_of(x);
}

// The language itself: nothing is contracted, nothing flushed to zero, division and root are rounded to nearest.
__global__ void arithmetic_kernel(const float* in, std::uint32_t* out) {
  const int i = index_of_thread();
  const float a = in[i], b = in[i + 1], c = in[i + 2];
  std::uint32_t* mine = out + i * 6;
  mine[0] = one_nan(a * b + c);
  mine[1] = one_nan(fmaf(a, b, c));
  mine[2] = one_nan(a / b);
  mine[3] = one_nan(sqrtf(fabsf(a)));
  mine[4] = one_nan(a - b);
  mine[5] = one_nan(a * 0x1p-126f);
}

__global__ void approximate_kernel(const float* in, std::uint32_t* out) {
  const int i = index_of_thread();
  const float x = in[i] * 8.0f;
  out[i * 3] = word_of(device::exp2_approximate(x));
  out[i * 3 + 1] = word_of(device::reciprocal_approximate(1.5f + in[i]));
  out[i * 3 + 2] = word_of(device::tanh_approximate(x));
}

__global__ void shared_memory_kernel(const float* in, std::uint32_t* out) {
  struct Shared {
    float value[64];
  };
  Shared& shared = device::block_shared<Shared>();
  float* dynamic = device::dynamic_shared<float>();
  const int i = index_of_thread();
  shared.value[i] = in[i];
  dynamic[63 - i] = in[64 + i];
  __syncthreads();
  out[i * 2] = word_of(shared.value[63 - i]);
  out[i * 2 + 1] = word_of(dynamic[i]);
}

// Every length of a copy from 0 to 16 bytes; two groups, waited for one after the other.
__global__ void async_copy_16_kernel(const float* in, std::uint32_t* out) {
  struct alignas(16) Shared {
    std::uint32_t word[2][32][4];
  };
  Shared& shared = device::block_shared<Shared>();
  const int lane = index_of_thread();
  for (int group = 0; group < 2; ++group) {
    device::async_copy_16(shared.word[group][lane], in + (group * 32 + lane) * 4, (lane + group * 9) % 17);
    device::async_commit();
  }
  device::async_wait<1>();
  __syncthreads();
  for (int k = 0; k < 4; ++k) out[lane * 4 + k] = shared.word[0][31 - lane][k];
  device::async_wait<0>();
  __syncthreads();
  for (int k = 0; k < 4; ++k) out[128 + lane * 4 + k] = shared.word[1][31 - lane][k];
}

__global__ void async_copy_4_kernel(const float* in, std::uint32_t* out) {
  struct Shared {
    std::uint32_t word[32];
  };
  Shared& shared = device::block_shared<Shared>();
  const int lane = index_of_thread();
  device::async_copy_4(&shared.word[lane], in + lane * 3 + 1, lane % 3 == 0 ? 0 : 4);
  device::async_commit();
  device::async_wait<0>();
  __syncthreads();
  out[lane] = shared.word[31 - lane];
}

// Warps 0 and 1 hand over to warps 2 and 3 by a named barrier each, then the pairs meet at a third one.
__global__ void named_barrier_kernel(const float* in, std::uint32_t* out) {
  struct Shared {
    float first[64], second[64];
  };
  Shared& shared = device::block_shared<Shared>();
  const int i = index_of_thread(), warp = i / 32;
  if (warp < 2) {
    shared.first[i] = in[i];
    device::named_barrier_arrive(1 + warp, 64);
  } else {
    device::named_barrier_sync(warp - 1, 64);
    shared.second[i - 64] = shared.first[(i - 64) ^ 31] * 2.0f;
  }
  device::named_barrier_sync(3, 128);
  out[i] = word_of(shared.second[i / 2]);
}

__global__ void block_votes_kernel(const float* in, std::uint32_t* out) {
  const int i = index_of_thread();
  std::uint32_t* mine = out + i * 3;
  mine[0] = static_cast<std::uint32_t>(__syncthreads_count(in[i] > 0.0f));
  mine[1] = __syncthreads_and(in[i] < 5.0f) != 0 ? 1u : 0u;
  mine[2] = __syncthreads_or(in[i] > 5.0f) != 0 ? 1u : 0u;
}

__global__ void shuffle_kernel(const float* in, std::uint32_t* out) {
  const int lane = index_of_thread();
  const float x = in[lane];
  const std::uint64_t wide = std::uint64_t{word_of(in[lane + 32])} << 32 | word_of(x);
  std::uint32_t* mine = out + lane * 12;
  mine[0] = word_of(__shfl_sync(full_warp, x, 5));
  mine[1] = word_of(__shfl_sync(full_warp, x, lane * 7));  // the lane is taken modulo the width
  mine[2] = word_of(__shfl_sync(full_warp, x, 3, 8));
  mine[3] = word_of(__shfl_xor_sync(full_warp, x, 3));
  mine[4] = word_of(__shfl_xor_sync(full_warp, x, 16, 8));  // beyond the segment
  mine[5] = word_of(__shfl_up_sync(full_warp, x, 4));
  mine[6] = word_of(__shfl_up_sync(full_warp, x, 3, 16));
  mine[7] = word_of(__shfl_down_sync(full_warp, x, 9));
  mine[8] = word_of(__shfl_down_sync(full_warp, x, 2, 4));
  mine[9] = word_of(lane < 16 ? __shfl_sync(0x0000FFFFu, x, 3) : __shfl_sync(0xFFFF0000u, x, 20));
  const std::uint64_t other = __shfl_xor_sync(full_warp, wide, 1);
  mine[10] = static_cast<std::uint32_t>(other);
  mine[11] = static_cast<std::uint32_t>(other >> 32);
}

__global__ void vote_kernel(const float* in, std::uint32_t* out) {
  const int lane = index_of_thread();
  const bool positive = in[lane] > 0.0f;
  std::uint32_t* mine = out + lane * 7;
  mine[0] = __ballot_sync(full_warp, positive);
  mine[1] = __any_sync(full_warp, lane == 7) != 0 ? 1u : 0u;
  mine[2] = __all_sync(full_warp, lane < 31) != 0 ? 1u : 0u;
  mine[3] = lane < 16 ? __ballot_sync(0x0000FFFFu, positive) : __ballot_sync(0xFFFF0000u, !positive);
  mine[4] = static_cast<std::uint32_t>(__popc(word_of(in[lane])));
  mine[5] = static_cast<std::uint32_t>(__ffs(static_cast<int>(word_of(in[lane]))));
  mine[6] = static_cast<std::uint32_t>(__clz(lane == 0 ? 0 : lane * lane * lane));
}

// Totals that do not depend on who comes first.
__global__ void atomic_kernel(const float* in, std::uint32_t* out) {
  struct Shared {
    int sum, largest, smallest;
  };
  Shared& shared = device::block_shared<Shared>();
  if (threadIdx.x == 0) shared = {0, -1000, 1000};
  __syncthreads();
  const int x = static_cast<int>(in[threadIdx.x] * 100.0f);
  atomicAdd(&shared.sum, x);
  atomicMax(&shared.largest, x);
  atomicMin(&shared.smallest, x);
  __syncthreads();
  if (threadIdx.x != 0) return;
  out[0] = static_cast<std::uint32_t>(shared.sum);
  out[1] = static_cast<std::uint32_t>(shared.largest);
  out[2] = static_cast<std::uint32_t>(shared.smallest);
}

__global__ void reduce_kernel(const float* in, std::uint32_t* out) {
  const int i = index_of_thread();
  std::uint32_t* mine = out + i * 5;
  mine[0] = word_of(device::warp_sum(in[i]));
  mine[1] = word_of(device::warp_max(in[i]));
  mine[2] = word_of(device::warp_reduce(in[i], [](float a, float b) { return a * 0.5f + b * 0.5f; }));
  const float total = device::block_sum<128>(in[i]);
  mine[3] = word_of(total);
  mine[4] = word_of(device::block_sum<128>(total * in[i]));  // a second one, with nothing between
}

__global__ void double_sum_kernel(const float* in, std::uint32_t* out) {
  const int i = index_of_thread();
  const double sum = device::block_sum<64>(static_cast<double>(in[i]) / 3.0);
  std::uint32_t words[2];
  std::memcpy(words, &sum, sizeof sum);
  out[i * 2] = words[0];
  out[i * 2 + 1] = words[1];
}

template <class T>
__global__ void pack_kernel(const float* in, std::uint32_t* out) {
  constexpr int size = device::Pack<T>::size;
  struct alignas(16) Shared {
    T value[32 * size];
  };
  Shared& shared = device::block_shared<Shared>();
  const int lane = index_of_thread();
  float x[size];
  for (int k = 0; k < size; ++k) x[k] = in[lane * size + k];
  device::store_pack(shared.value + lane * size, device::from_floats<device::Pack<T>>(x));
  __syncthreads();
  const device::Pack<T> pack = device::load_pack(shared.value + (31 - lane) * size);
  for (int k = 0; k < size; ++k) {
    out[lane * size * 2 + k] = one_nan(device::float_at(pack, k));
    out[lane * size * 2 + size + k] = one_nan(to_float(from_float<T>(x[k])));
  }
}

__global__ void load_pack_once_kernel(const float* in, std::uint32_t* out) {
  const int lane = index_of_thread();
  const device::Pack<float> pack = device::load_pack_once(in + (lane ^ 5) * 4);
  for (int k = 0; k < 4; ++k) out[lane * 4 + k] = word_of(pack.value[k]);
}

__global__ void to_tf32_kernel(const float* in, std::uint32_t* out) {
  const int i = index_of_thread();
  float rounded;
  const std::uint32_t bits = device::to_tf32(in[i]);
  std::memcpy(&rounded, &bits, sizeof rounded);
  out[i] = one_nan(rounded);
}

// Row l of the 32 has the 16-bit values 8 l .. 8 l + 7, times an odd number, so that no two are equal.
__global__ void load_matrix_kernel(const float*, std::uint32_t* out) {
  struct alignas(16) Shared {
    std::uint16_t row[32][8];
  };
  Shared& shared = device::block_shared<Shared>();
  const int lane = index_of_thread();
  for (int k = 0; k < 8; ++k) shared.row[lane][k] = static_cast<std::uint16_t>((lane * 8 + k) * 257);
  __syncwarp();
  std::uint32_t straight[4], turned[4];
  device::load_matrix_x4(straight, shared.row[lane]);
  device::load_matrix_x4_transposed(turned, shared.row[lane ^ 8]);  // the matrices in another order
  for (int k = 0; k < 4; ++k) {
    out[lane * 8 + k] = straight[k];
    out[lane * 8 + 4 + k] = turned[k];
  }
}

// An accumulator's place in the row-major C.
__device__ __forceinline__ int place_of(int i, int j, int k, int lane) {
  return (i * 16 + lane / 4 + k / 2 * 8) * matrix_columns + j * 8 + lane % 4 * 2 + k % 2;
}
template <class Multiply>
__device__ __forceinline__ void multiply_into(const float* in, std::uint32_t* out, Multiply multiply) {
  const int lane = index_of_thread();
  float c[2][2][4];
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j)
      for (int k = 0; k < 4; ++k) c[i][j][k] = in[first_of_c + place_of(i, j, k, lane)];
  multiply(c);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j)
      for (int k = 0; k < 4; ++k) out[place_of(i, j, k, lane)] = word_of(c[i][j][k]);
}

// Operands through shared memory and ldmatrix, the way that the GEMM takes.
__global__ void mma_bf16_kernel(const float* in, std::uint32_t* out) {
  struct alignas(16) Shared {
    bf16 a[matrix_rows][16], b[16][matrix_columns];
  };
  Shared& shared = device::block_shared<Shared>();
  const int lane = index_of_thread();
  for (int k = 0; k < 16; ++k) {
    shared.a[lane][k] = to_bf16(in[lane * 16 + k]);
    if (lane < matrix_columns) shared.b[k][lane] = to_bf16(in[first_of_b + k * matrix_columns + lane]);
  }
  __syncwarp();
  std::uint32_t a[2][4], b[2][2], both[4];
  for (int i = 0; i < 2; ++i) device::load_matrix_x4(a[i], &shared.a[i * 16 + lane % 16][lane / 16 * 8]);
  device::load_matrix_x4_transposed(both, &shared.b[lane % 16][lane / 16 * 8]);
  for (int j = 0; j < 2; ++j)
    for (int k = 0; k < 2; ++k) b[j][k] = both[j * 2 + k];
  multiply_into(in, out, [&](float(&c)[2][2][4]) { device::mma_bf16(c, a, b); });
}

__global__ void mma_tf32_kernel(const float* in, std::uint32_t* out) {
  const int lane = index_of_thread(), g = lane / 4, q = lane % 4;
  std::uint32_t a[2][4], b[2][2];
  for (int i = 0; i < 2; ++i)
    for (int k = 0; k < 4; ++k) a[i][k] = device::to_tf32(in[(i * 16 + g + k % 2 * 8) * 8 + q + k / 2 * 4]);
  for (int j = 0; j < 2; ++j)
    for (int k = 0; k < 2; ++k) b[j][k] = device::to_tf32(in[first_of_b + (q + k * 4) * matrix_columns + j * 8 + g]);
  multiply_into(in, out, [&](float(&c)[2][2][4]) { device::mma_tf32(c, a, b); });
}

// ex2 and rcp are good to 2 and 1 ulp, tanh to 4e-7. A tensor core aligns the products of an instruction to the largest
// one and cuts off what is below: 17 terms of at most 17 in magnitude, each 2^-23 of it, twice over.
constexpr double approximation = 0x1p-21, tensor_core = 17.0 * 17.0 * 0x1p-22;
constexpr int matrix_words = matrix_rows * matrix_columns;

const DeviceCase cases[] = {
    {"arithmetic", Input::special, 128, 0, 128 * 6, 0.0, arithmetic_kernel},
    {"approximate", Input::reals, 64, 0, 64 * 3, approximation, approximate_kernel},
    {"shared_memory", Input::reals, 64, 64 * sizeof(float), 128, 0.0, shared_memory_kernel},
    {"async_copy_16", Input::reals, 32, 0, 256, 0.0, async_copy_16_kernel},
    {"async_copy_4", Input::reals, 32, 0, 32, 0.0, async_copy_4_kernel},
    {"named_barrier", Input::reals, 128, 0, 128, 0.0, named_barrier_kernel},
    {"block_votes", Input::integers, 96, 0, 96 * 3, 0.0, block_votes_kernel},
    {"shuffle", Input::reals, 32, 0, 32 * 12, 0.0, shuffle_kernel},
    {"vote", Input::reals, 32, 0, 32 * 7, 0.0, vote_kernel},
    {"atomic", Input::reals, 128, 0, 3, 0.0, atomic_kernel},
    {"reduce", Input::reals, 128, 0, 128 * 5, 0.0, reduce_kernel},
    {"double_sum", Input::reals, 64, 0, 128, 0.0, double_sum_kernel},
    {"pack_float", Input::special, 32, 0, 256, 0.0, pack_kernel<float>},
    {"pack_bf16", Input::special, 32, 0, 512, 0.0, pack_kernel<bf16>},
    {"load_pack_once", Input::reals, 32, 0, 128, 0.0, load_pack_once_kernel},
    {"to_tf32", Input::special, 128, 0, 128, 0.0, to_tf32_kernel},
    {"load_matrix", Input::reals, 32, 0, 256, 0.0, load_matrix_kernel},
    {"mma_bf16_integers", Input::integers, 32, 0, matrix_words, 0.0, mma_bf16_kernel},
    {"mma_tf32_integers", Input::integers, 32, 0, matrix_words, 0.0, mma_tf32_kernel},
    {"mma_bf16_reals", Input::reals, 32, 0, matrix_words, tensor_core, mma_bf16_kernel},
    {"mma_tf32_reals", Input::reals, 32, 0, matrix_words, tensor_core, mma_tf32_kernel},
};

}  // namespace

std::span<const DeviceCase> device_cases() {
  return cases;
}

void run(const DeviceCase& device_case, const float* in, std::uint32_t* out, cudaStream_t stream) {
  launch(device_case.kernel, 1, static_cast<unsigned>(device_case.threads), device_case.shared_bytes, stream, in, out);
}

}  // namespace plait::testing
