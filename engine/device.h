// Where a model computes: the CPU, or a GPU with a stream of its own (the SIMT executor counts as one). A handle:
// copies mean the same device and the same stream. Buffers are memory there.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "kernels/gpu_runtime.h"

namespace plait {

class Device {
 public:
  // The CPU.
  Device() = default;
  // One of the machine's GPUs (kernels/gpu_runtime.h), for the calling thread. Throws a device error that says why
  // there is none.
  static Device gpu(int index = 0);

  bool is_gpu() const { return streams_ != nullptr; }
  cudaStream_t stream() const;

  // Streams beside it for work that depends on nothing but what the main stream has done so far (encoders are branches
  // of a step): begin_branch lets branch i follow the main stream, end_branch lets the main stream follow branch i.
  static constexpr int branches = 8;
  cudaStream_t begin_branch(int i) const;
  void end_branch(int i) const;

  // One more, for what ranks do together: begin_exchange lets it follow what the main stream and the branches that have
  // begun and not ended have done so far, end_exchange lets the main stream follow it.
  cudaStream_t begin_exchange() const;
  void end_exchange() const;

  // Bytes of memory that nobody has taken; on the CPU 0.
  std::size_t free_bytes() const;

  // Waits until all work is done. Nothing on the CPU.
  void synchronize() const;

  bool operator==(const Device& other) const { return streams_ == other.streams_; }

 private:
  struct Streams;
  std::shared_ptr<Streams> streams_;
};

// Memory that a device computes in and its image on the host. On the CPU they are one; on a GPU download() and upload()
// carry the one to the other and wait.
class Buffer {
 public:
  static constexpr std::size_t alignment = 64;

  Buffer() = default;
  // Zeros. what: how an error names it when the device has no room for it.
  explicit Buffer(std::size_t bytes, const Device& device = {}, const char* what = "a buffer");
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  std::size_t size() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }
  void* data() const { return device_memory_ != nullptr ? device_memory_ : host_.get(); }
  void* host() const { return host_.get(); }

  void move_to(const Device& device);  // with its contents; throws OutOfMemory
  void download();
  void upload();
  void copy_from(const Buffer& other);  // of the same size and device; in the stream's order
  void set_zero();                      // likewise

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Free> host_;
  std::size_t bytes_ = 0;
  const char* what_ = "";
  Device device_;
  void* device_memory_ = nullptr;
};

// A step that was captured and can be run again with the same pointers. Empty until recorded.
class Graph {
 public:
  Graph() = default;
  ~Graph();
  Graph(Graph&& other) noexcept;
  Graph& operator=(Graph&& other) noexcept;

  bool empty() const { return graph_ == nullptr; }
  std::size_t nodes() const { return nodes_; }
  void replay(const Device& device) const;

  // What `work` enqueues on the device's stream becomes a graph; nothing runs.
  template <class Work>
  static Graph capture(const Device& device, const Work& work) {
    begin(device);
    try {
      work();
    } catch (...) {
      abandon(device);
      throw;
    }
    return end(device);
  }

 private:
  static void begin(const Device& device);
  static Graph end(const Device& device);
  static void abandon(const Device& device) noexcept;

  cudaGraphExec_t graph_ = nullptr;
  std::size_t nodes_ = 0;
};

}  // namespace plait
