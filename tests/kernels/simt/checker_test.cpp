// The checker finds what it promises to find: each kernel here holds one planted mistake.
#include "kernels/device/async_copy.h"
#include "kernels/device/named_barrier.h"
#include "kernels/device/shared_memory.h"
#include "kernels/launch.h"
#include "kernels/simt/options.h"
#include "tests/support/device_test.h"

namespace plait {
namespace {

using testing::DeviceArray;

struct Shared64 {
  float value[64];
};

class Checker : public testing::DeviceTest {
 protected:
  // Runs a kernel on 64 threads and says what was reported.
  template <class... Parameters, class... Arguments>
  std::string findings(void (*kernel)(Parameters...), dim3 grid, Arguments... arguments) {
    launch(kernel, grid, 64, 1024, stream, arguments...);
    try {
      gpu::synchronize(stream);
    } catch (const gpu::Failure&) {  // a deadlock stops the stream as well
    }
    std::string all;
    for (const std::string& report : testing::take_device_reports()) all += report + "\n";
    return all;
  }
};

#define EXPECT_FINDING(text, wanted) EXPECT_NE((text).find(wanted), std::string::npos) << (text)

__global__ void absent_lane_kernel(float* out) {
  if (threadIdx.x % 32 >= 16) return;
  out[threadIdx.x] = __shfl_xor_sync(0x0000FFFFu, 1.0f, 16);
}

TEST_F(Checker, AShuffleFromALaneThatHasReturned) {
  const DeviceArray<float> out(64, stream);
  const std::string all = findings(absent_lane_kernel, 1, out.data());
  EXPECT_FINDING(all, "absent lane: __shfl_xor_sync at checker_test.cpp:");
  EXPECT_FINDING(all, ", which has returned");
}

__global__ void good_kernel(float* out) {
  Shared64& shared = device::block_shared<Shared64>();
  shared.value[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[blockIdx.x * 64 + threadIdx.x] = shared.value[63 - threadIdx.x];
}

TEST_F(Checker, AGoodKernelIsLeftAlone) {
  const DeviceArray<float> out(128, stream);
  EXPECT_EQ(findings(good_kernel, 2, out.data()), "");
}

__global__ void missing_barrier_kernel(float* out) {
  Shared64& shared = device::block_shared<Shared64>();
  shared.value[threadIdx.x] = 1.0f;
  out[threadIdx.x] = shared.value[63 - threadIdx.x];
}

TEST_F(Checker, RaceOnSharedMemory) {
  const DeviceArray<float> out(64, stream);
  const std::string found = findings(missing_barrier_kernel, 1, out.data());
  EXPECT_FINDING(found, "race on shared memory");
  EXPECT_FINDING(found, "missing_barrier_kernel");
  EXPECT_FINDING(found, "checker_test.cpp:");
  EXPECT_FINDING(found, "block (0,0,0), thread (");
}

__global__ void overwritten_kernel(float* out) {
  Shared64& shared = device::block_shared<Shared64>();
  shared.value[threadIdx.x] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = shared.value[63 - threadIdx.x];
  shared.value[threadIdx.x] = 2.0f;  // a barrier is missing in front
}

TEST_F(Checker, AWriteAfterAReadThatLooksRight) {
  const DeviceArray<float> out(64, stream);
  EXPECT_FINDING(findings(overwritten_kernel, 1, out.data()), "race on shared memory: write");
}

__global__ void warp_synchronous_kernel(float* out, bool synchronised) {
  Shared64& shared = device::block_shared<Shared64>();
  shared.value[threadIdx.x] = 1.0f;
  if (synchronised) __syncwarp();
  out[threadIdx.x] = shared.value[threadIdx.x ^ 1];
}

TEST_F(Checker, WarpSynchronousCodeIsARace) {
  const DeviceArray<float> out(64, stream);
  EXPECT_FINDING(findings(warp_synchronous_kernel, 1, out.data(), false), "race on shared memory");
  EXPECT_EQ(findings(warp_synchronous_kernel, 1, out.data(), true), "");
}

__global__ void global_race_kernel(float* out) {
  out[threadIdx.x] = 1.0f;
  out[0] = out[63 - threadIdx.x];
}

TEST_F(Checker, RaceOnGlobalMemoryInsideABlock) {
  const DeviceArray<float> out(64, stream);
  EXPECT_FINDING(findings(global_race_kernel, 1, out.data()), "race on global memory");
}

__global__ void block_race_kernel(float* out) {
  if (threadIdx.x == 0) out[0] = static_cast<float>(blockIdx.x);
}

TEST_F(Checker, RaceBetweenBlocks) {
  const DeviceArray<float> out(1, stream);
  EXPECT_FINDING(findings(block_race_kernel, 2, out.data()), "between blocks");
  EXPECT_EQ(findings(block_race_kernel, 1, out.data()), "") << "another launch is ordered behind the first";
}

__global__ void uninitialised_kernel(float* out) {
  Shared64& shared = device::block_shared<Shared64>();
  if (threadIdx.x < 60) shared.value[threadIdx.x] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = shared.value[threadIdx.x];
}

TEST_F(Checker, UninitialisedSharedRead) {
  const DeviceArray<float> out(64, stream);
  EXPECT_FINDING(findings(uninitialised_kernel, 1, out.data()), "uninitialised shared memory");
}

__global__ void read_kernel(const float* in, float* out, int shift) {
  out[threadIdx.x] = in[static_cast<int>(threadIdx.x) + shift];
}

TEST_F(Checker, GlobalMemoryOutOfBoundsUninitialisedOrReleased) {
  const DeviceArray<float> in(std::vector<float>(64, 1.0f), stream), raw(64, stream), out(64, stream);
  EXPECT_EQ(findings(read_kernel, 1, in.data(), out.data(), 0), "");
  EXPECT_FINDING(findings(read_kernel, 1, in.data(), out.data(), 1), "behind the end of an array of 256 bytes");
  EXPECT_FINDING(findings(read_kernel, 1, in.data(), out.data(), -1), "in front of an array of 256 bytes");
  EXPECT_FINDING(findings(read_kernel, 1, raw.data(), out.data(), 0), "uninitialised global memory");
  const std::vector<float> host(64, 1.0f);
  EXPECT_FINDING(findings(read_kernel, 1, host.data(), out.data(), 0), "no memory of the device");
}

__global__ void index_kernel(float* out, int row_length) {
  struct Tile {
    float value[4][16];
  };
  Tile& tile = device::block_shared<Tile>();
  tile.value[threadIdx.x / 16][threadIdx.x % 16] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = tile.value[threadIdx.x / 16 % 3][static_cast<int>(threadIdx.x) % row_length];
}

TEST_F(Checker, AnInnerIndexThatReachesTheNextRow) {
  const DeviceArray<float> out(64, stream);
  EXPECT_EQ(findings(index_kernel, 1, out.data(), 16), "");
  EXPECT_FINDING(findings(index_kernel, 1, out.data(), 17), "index 16 into an array of known size");
}

__global__ void shared_bounds_kernel(float* out, int shift) {
  float* buffer = device::dynamic_shared<float>();
  buffer[static_cast<int>(threadIdx.x) * 4 + shift] = 1.0f;
  out[threadIdx.x] = 1.0f;
}

TEST_F(Checker, SharedMemoryOutOfBounds) {
  const DeviceArray<float> out(64, stream);
  EXPECT_EQ(findings(shared_bounds_kernel, 1, out.data(), 3), "");
  EXPECT_FINDING(findings(shared_bounds_kernel, 1, out.data(), 4), "outside of the block's arrays");
}

struct alignas(16) Four {
  float value[4];
};
__global__ void misaligned_kernel(const float* in, float* out) {
  const Four four = *reinterpret_cast<const Four*>(in + threadIdx.x);
  out[threadIdx.x] = four.value[0] + four.value[3];
}

TEST_F(Checker, MisalignedVectorAccess) {
  const DeviceArray<float> in(std::vector<float>(128, 1.0f), stream), out(64, stream);
  EXPECT_FINDING(findings(misaligned_kernel, 1, in.data(), out.data()), "misaligned");
}

__global__ void divergent_kernel(float* out) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
  out[threadIdx.x] = 1.0f;
}

TEST_F(Checker, DivergentBarrier) {
  const DeviceArray<float> out(64, stream);
  EXPECT_FINDING(findings(divergent_kernel, 1, out.data()), "divergent barrier");
}

__global__ void deadlock_kernel(float* out) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    device::named_barrier_sync(1, 64);
  out[threadIdx.x] = 1.0f;
}

TEST_F(Checker, DeadlockSaysWhoWaitsWhere) {
  const DeviceArray<float> out(64, stream);
  const std::string found = findings(deadlock_kernel, 1, out.data());
  EXPECT_FINDING(found, "32 threads wait at __syncthreads, checker_test.cpp:");
  EXPECT_FINDING(found, ": 0-31");
  EXPECT_FINDING(found, ": 32-63");
  const DeviceArray<float> again(128, stream);
  EXPECT_EQ(findings(good_kernel, 2, again.data()), "") << "the executor goes on after a deadlock";
}

__global__ void wrong_mask_kernel(int* out) {
  out[threadIdx.x] = __shfl_sync(0x0000FFFFu, 1, 0);
}

TEST_F(Checker, WrongLaneMask) {
  const DeviceArray<int> out(64, stream);
  EXPECT_FINDING(findings(wrong_mask_kernel, 1, out.data()), "wrong lane mask");
}

__global__ void divergent_warp_kernel(int* out) {
  if (threadIdx.x % 32 < 16)
    __syncwarp();
  else
    out[threadIdx.x] = static_cast<int>(__ballot_sync(device::full_warp, 1));
}

TEST_F(Checker, LanesThatMeetAtDifferentCollectives) {
  const DeviceArray<int> out(64, stream);
  EXPECT_FINDING(findings(divergent_warp_kernel, 1, out.data()), "divergent warp");
}

template <int pending>
__global__ void copy_wait_kernel(const float* in, float* out) {
  Shared64& shared = device::block_shared<Shared64>();
  if (threadIdx.x < 16) device::async_copy_16(&shared.value[threadIdx.x * 4], in + threadIdx.x * 4);
  device::async_commit();
  device::async_wait<pending>();
  __syncthreads();
  out[threadIdx.x] = shared.value[threadIdx.x];
}

TEST_F(Checker, ReadOfACopyInFlight) {
  const DeviceArray<float> in(std::vector<float>(64, 1.0f), stream), out(64, stream);
  EXPECT_EQ(findings(copy_wait_kernel<0>, 1, in.data(), out.data()), "");
  const std::string found = findings(copy_wait_kernel<1>, 1, in.data(), out.data());
  EXPECT_FINDING(found, "asynchronous copy is still on its way");
  EXPECT_FINDING(found, "returns before its asynchronous copies");
}

__global__ void copy_barrier_kernel(const float* in, float* out) {
  Shared64& shared = device::block_shared<Shared64>();
  if (threadIdx.x < 16) device::async_copy_16(&shared.value[threadIdx.x * 4], in + threadIdx.x * 4);
  device::async_commit();
  device::async_wait<0>();  // landed for this thread only: a barrier is missing
  out[threadIdx.x] = shared.value[threadIdx.x];
}

TEST_F(Checker, ACopyHasLandedForItsThreadOnly) {
  const DeviceArray<float> in(std::vector<float>(64, 1.0f), stream), out(64, stream);
  const std::string found = findings(copy_barrier_kernel, 1, in.data(), out.data());
  EXPECT_TRUE(found.find("race on shared memory") != std::string::npos ||
              found.find("still on its way") != std::string::npos)
      << found;
}

}  // namespace
}  // namespace plait
