// The executor runs what CUDA defines: indices, barriers, shuffles, votes, shared memory, streams and graphs.
#include <numeric>

#include "kernels/device/async_copy.h"
#include "kernels/device/matrix.h"
#include "kernels/device/named_barrier.h"
#include "kernels/device/reduce.h"
#include "kernels/device/shared_memory.h"
#include "kernels/launch.h"
#include "kernels/simt/options.h"
#include "tests/support/device_test.h"

namespace plait {
namespace {

using testing::DeviceArray;

class Executor : public testing::DeviceTest, public ::testing::WithParamInterface<simt::WarpOrder> {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    simt::options().order = GetParam();
  }
  void TearDown() override {
    DeviceTest::TearDown();
    simt::options().order = simt::WarpOrder::forward;
  }
};

INSTANTIATE_TEST_SUITE_P(Orders, Executor,
                         ::testing::Values(simt::WarpOrder::forward, simt::WarpOrder::reverse,
                                           simt::WarpOrder::random));

__global__ void indices_kernel(unsigned* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}

TEST_P(Executor, EveryThreadOfEveryBlockRunsOnce) {
  const DeviceArray<unsigned> out(2 * 3 * 2 * 24, stream);
  launch(indices_kernel, dim3(2, 3, 2), dim3(4, 3, 2), 0, stream, out.data());
  const std::vector<unsigned> host = out.host();
  for (unsigned i = 0; i < host.size(); ++i) EXPECT_EQ(host[i], i / 24 * 1000 + i % 24);
}

// Reverses 64 numbers through shared memory, twice; threads from 48 on return early.
__global__ void reverse_kernel(int* x) {
  struct Shared {
    int value[48];
  };
  Shared& shared = device::block_shared<Shared>();
  if (threadIdx.x >= 48) return;
  for (int round = 0; round < 3; ++round) {
    shared.value[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = shared.value[47 - threadIdx.x];
    __syncthreads();
  }
}

TEST_P(Executor, BarriersOrderSharedMemoryAndReturnedThreadsLeaveThem) {
  std::vector<int> host(64);
  std::iota(host.begin(), host.end(), 0);
  const DeviceArray<int> x(host, stream);
  launch(reverse_kernel, 1, 64, 0, stream, x.data());
  const std::vector<int> out = x.host();
  for (int i = 0; i < 48; ++i) EXPECT_EQ(out[static_cast<std::size_t>(i)], 47 - i);
  EXPECT_EQ(out[48], 48);
}

__global__ void warp_kernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int* mine = out + threadIdx.x * 10;
  mine[0] = __shfl_sync(device::full_warp, lane, 5);
  mine[1] = __shfl_xor_sync(device::full_warp, lane, 3);
  mine[2] = __shfl_up_sync(device::full_warp, lane, 4);
  mine[3] = __shfl_down_sync(device::full_warp, lane, 4, 8);
  mine[4] = static_cast<int>(__ballot_sync(device::full_warp, lane % 3 == 0));
  mine[5] = __any_sync(device::full_warp, lane == 7);
  mine[6] = __all_sync(device::full_warp, lane < 31);
  mine[7] = static_cast<int>(device::warp_sum(static_cast<float>(lane)));
  mine[8] = lane < 16 ? __shfl_sync(0x0000FFFFu, lane, 3) : __shfl_sync(0xFFFF0000u, lane, 20);
  mine[9] = static_cast<int>(device::block_sum<64>(1.0f + static_cast<float>(threadIdx.x)));
}

TEST_P(Executor, ShufflesVotesAndReductions) {
  const DeviceArray<int> out(64 * 10, stream);
  launch(warp_kernel, 1, 64, 0, stream, out.data());
  const std::vector<int> host = out.host();
  for (int t = 0; t < 64; ++t) {
    const int* mine = host.data() + t * 10;
    const int lane = t % 32;
    EXPECT_EQ(mine[0], 5);
    EXPECT_EQ(mine[1], lane ^ 3);
    EXPECT_EQ(mine[2], lane < 4 ? lane : lane - 4);
    EXPECT_EQ(mine[3], lane % 8 < 4 ? lane + 4 : lane);
    EXPECT_EQ(static_cast<unsigned>(mine[4]), 0x49249249u);
    EXPECT_EQ(mine[5], 1);
    EXPECT_EQ(mine[6], 0);
    EXPECT_EQ(mine[7], 31 * 32 / 2);
    EXPECT_EQ(mine[8], lane < 16 ? 3 : 20);
    EXPECT_EQ(mine[9], 64 * 65 / 2);
  }
}

__global__ void votes_kernel(int* out) {
  const int i = static_cast<int>(threadIdx.x);
  out[i * 3] = __syncthreads_count(i % 5 == 0);
  out[i * 3 + 1] = __syncthreads_and(i < 1000);
  out[i * 3 + 2] = __syncthreads_or(i == 200);
}

TEST_P(Executor, BlockVotes) {
  const DeviceArray<int> out(96 * 3, stream);
  launch(votes_kernel, 1, 96, 0, stream, out.data());
  const std::vector<int> host = out.host();
  for (std::size_t i = 0; i < 96; ++i) {
    EXPECT_EQ(host[i * 3], 20);
    EXPECT_EQ(host[i * 3 + 1], 1);
    EXPECT_EQ(host[i * 3 + 2], 0);
  }
}

// Warps 0 and 1 hand numbers to warps 2 and 3 through a named barrier each, while the block barrier stays free.
__global__ void named_kernel(int* out) {
  int* buffer = device::dynamic_shared<int>();
  const unsigned warp = threadIdx.x / 32;
  if (warp < 2) {
    buffer[threadIdx.x] = static_cast<int>(threadIdx.x) * 7;
    device::named_barrier_arrive(static_cast<int>(1 + warp), 64);
  } else {
    device::named_barrier_sync(static_cast<int>(warp - 1), 64);
    out[threadIdx.x - 64] = buffer[threadIdx.x - 64];
  }
}

TEST_P(Executor, NamedBarriersAndDynamicSharedMemory) {
  const DeviceArray<int> out(64, stream);
  launch(named_kernel, 1, 128, 64 * sizeof(int), stream, out.data());
  const std::vector<int> host = out.host();
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(host[i], static_cast<int>(i) * 7);
}

__global__ void copy_kernel(const float* in, float* out, int count) {
  struct Shared {
    float buffer[2][128];
  };
  Shared& shared = device::block_shared<Shared>();
  const int i = static_cast<int>(threadIdx.x);
  for (int half = 0; half < 2; ++half) {
    const int first = half * 128 + i * 4, left = count - first;
    device::async_copy_16(&shared.buffer[half][i * 4], left > 0 ? in + first : in,
                          left >= 4  ? 16
                          : left > 0 ? left * 4
                                     : 0);
    device::async_commit();
  }
  device::async_wait<1>();
  __syncthreads();
  for (int k = 0; k < 4; ++k) out[i + k * 32] = shared.buffer[0][i + k * 32];
  device::async_wait<0>();
  __syncthreads();
  for (int k = 0; k < 4; ++k) out[128 + i + k * 32] = shared.buffer[1][i + k * 32];
}

TEST_P(Executor, AsynchronousCopiesFillWithZeros) {
  std::vector<float> host(202);
  std::iota(host.begin(), host.end(), 1.0f);
  const DeviceArray<float> in(host, stream), out(256, stream);
  launch(copy_kernel, 1, 32, 0, stream, in.data(), out.data(), 202);
  const std::vector<float> result = out.host();
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(result[i], i < 202 ? static_cast<float>(i + 1) : 0.0f);
}

__global__ void add_kernel(int* x, int value) {
  x[threadIdx.x] = x[threadIdx.x] * 10 + value;
}

TEST(Streams, WorkIsOrderedByStreamsAndEvents) {
  cudaStream_t first = gpu::create_stream(), second = gpu::create_stream();
  cudaEvent_t done = gpu::create_event();
  {
    const DeviceArray<int> x(std::vector<int>{1}, first);
    launch(add_kernel, 1, 1, 0, first, x.data(), 2);
    gpu::record(done, first);
    launch(add_kernel, 1, 1, 0, first, x.data(), 9);  // not waited for by the second stream
    gpu::wait(second, done);
    int seen = 0;
    gpu::copy_to_host(&seen, x.data(), sizeof seen, second);
    EXPECT_EQ(seen, 0) << "nothing happens before somebody waits";
    gpu::synchronize(second);
    EXPECT_EQ(seen, 12);
    gpu::synchronize(first);
  }
  gpu::destroy(done);
  gpu::destroy(first);
  gpu::destroy(second);
}

TEST(Streams, AGraphReplaysWhatWasCapturedOnJoinedStreams) {
  cudaStream_t origin = gpu::create_stream(), branch = gpu::create_stream();
  cudaEvent_t fork = gpu::create_event(), join = gpu::create_event();
  {
    const DeviceArray<int> x(std::vector<int>{0}, origin), y(std::vector<int>{0}, origin);
    gpu::begin_capture(origin);
    launch(add_kernel, 1, 1, 0, origin, x.data(), 1);
    gpu::record(fork, origin);
    gpu::wait(branch, fork);
    launch(add_kernel, 1, 1, 0, branch, y.data(), 5);
    gpu::record(join, branch);
    gpu::wait(origin, join);
    launch(add_kernel, 1, 1, 0, origin, x.data(), 2);
    std::size_t nodes = 0;
    cudaGraphExec_t graph = gpu::end_capture(origin, &nodes);
    EXPECT_EQ(nodes, 3u);
    EXPECT_EQ(x.host()[0], 0) << "capturing runs nothing";
    gpu::replay(graph, origin);
    gpu::replay(graph, origin);
    EXPECT_EQ(x.host()[0], 1212);
    EXPECT_EQ(y.host()[0], 55);
    gpu::destroy(graph);

    gpu::begin_capture(origin);
    gpu::record(fork, origin);
    gpu::wait(branch, fork);
    launch(add_kernel, 1, 1, 0, branch, y.data(), 5);
    EXPECT_THROW(gpu::end_capture(origin), gpu::Failure) << "the branch was never joined";
  }
  gpu::destroy(fork);
  gpu::destroy(join);
  gpu::destroy(origin);
  gpu::destroy(branch);
}

TEST(Streams, LaunchesThatCannotBeAreRefused) {
  cudaStream_t stream = gpu::create_stream();
  const DeviceArray<int> x(std::vector<int>{0}, stream);
  launch(add_kernel, 1, 2048, 0, stream, x.data(), 1);
  EXPECT_THROW(gpu::synchronize(stream), gpu::Failure);
  launch(add_kernel, 1, 1, std::size_t{1} << 20, stream, x.data(), 1);
  EXPECT_THROW(gpu::synchronize(stream), gpu::Failure);
  launch(add_kernel, 0, 1, 0, stream, x.data(), 1);  // an empty grid is no launch
  EXPECT_EQ(x.host()[0], 0);
  gpu::destroy(stream);
}

}  // namespace
}  // namespace plait
