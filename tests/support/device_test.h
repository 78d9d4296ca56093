// Tests of kernels on a device: the same sources run on the SIMT executor (simt_tests), on its checker (checked_tests)
// and on a real GPU (gpu_tests), where they are skipped without one.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/gpu_runtime.h"

namespace plait::testing {

// What the checker has found since the last call. Two definitions: device_reports_simt.cpp, device_reports_cuda.cpp.
std::vector<std::string> take_device_reports();
// True under the checker. Likewise.
bool reports_wrong_addresses();

// Skips without a device; fails when the checker reports anything that a test has not taken.
class DeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu::devices().empty()) GTEST_SKIP() << gpu::why_none();
    stream = gpu::create_stream();
  }
  void TearDown() override {
    if (stream == nullptr) return;
    gpu::synchronize(stream);
    gpu::destroy(stream);
    for (const std::string& report : take_device_reports()) ADD_FAILURE() << report;
  }

  cudaStream_t stream = nullptr;
};

// An array in the device's memory. `guard` elements in front of it shift it off its natural alignment of 256 bytes.
template <class T>
class DeviceArray {
 public:
  DeviceArray(const std::vector<T>& host, cudaStream_t stream, std::size_t guard = 0)
      : DeviceArray(host.size(), stream, guard) {
    gpu::copy_to_device(data(), host.data(), bytes(), stream_);
    gpu::synchronize(stream_);
  }
  // Contents undefined: reading them before a kernel has written them is an error that the checker reports.
  DeviceArray(std::size_t count, cudaStream_t stream, std::size_t guard = 0)
      : memory_(static_cast<T*>(gpu::allocate((count + guard) * sizeof(T)))),
        guard_(guard),
        count_(count),
        stream_(stream) {}
  ~DeviceArray() { gpu::release(memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return memory_ == nullptr ? nullptr : memory_ + guard_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }

  // Waits for the stream.
  std::vector<T> host() const {
    std::vector<T> result(count_);
    gpu::copy_to_host(result.data(), data(), bytes(), stream_);
    gpu::synchronize(stream_);
    return result;
  }

 private:
  T* memory_;
  std::size_t guard_, count_;
  cudaStream_t stream_;
};

}  // namespace plait::testing
