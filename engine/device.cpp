#include "engine/device.h"

#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "engine/error.h"
#include "engine/out_of_memory.h"

namespace plait {

struct Device::Streams {
  int index = 0;  // of the GPU
  cudaStream_t main = gpu::create_stream();
  std::array<cudaStream_t, branches> branch{};  // made when they are first asked for
  std::array<cudaEvent_t, branches> fork{}, join{};
  std::array<bool, branches> open{};

  cudaStream_t exchange = nullptr;                  // made when it is first asked for
  std::array<cudaEvent_t, branches + 1> reached{};  // by the branches, and by the main stream
  cudaEvent_t exchanged = nullptr;

  Streams() = default;
  ~Streams() {
    for (cudaEvent_t event : fork) gpu::destroy(event);
    for (cudaEvent_t event : join) gpu::destroy(event);
    for (cudaEvent_t event : reached) gpu::destroy(event);
    gpu::destroy(exchanged);
    gpu::destroy(exchange);
    for (cudaStream_t stream : branch) gpu::destroy(stream);
    gpu::destroy(main);
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
};

Device Device::gpu(int index) {
  if (gpu::device_count() == 0) fail_device("no GPU to compute on: " + gpu::why_none());
  gpu::use_device(index);
  Device device;
  device.streams_ = std::make_shared<Streams>();
  device.streams_->index = index;
  return device;
}

cudaStream_t Device::stream() const {
  return streams_ ? streams_->main : nullptr;
}

cudaStream_t Device::begin_branch(int i) const {
  const auto at = static_cast<std::size_t>(i);
  if (streams_->branch[at] == nullptr) {
    streams_->branch[at] = gpu::create_stream();
    streams_->fork[at] = gpu::create_event();
    streams_->join[at] = gpu::create_event();
  }
  gpu::record(streams_->fork[at], streams_->main);
  gpu::wait(streams_->branch[at], streams_->fork[at]);
  streams_->open[at] = true;
  return streams_->branch[at];
}

void Device::end_branch(int i) const {
  const auto at = static_cast<std::size_t>(i);
  gpu::record(streams_->join[at], streams_->branch[at]);
  gpu::wait(streams_->main, streams_->join[at]);
  streams_->open[at] = false;
}

cudaStream_t Device::begin_exchange() const {
  Streams& s = *streams_;
  if (s.exchange == nullptr) {
    s.exchange = gpu::create_stream();
    s.exchanged = gpu::create_event();
    for (cudaEvent_t& event : s.reached) event = gpu::create_event();
  }
  const auto follow = [&](cudaStream_t stream, cudaEvent_t event) {
    gpu::record(event, stream);
    gpu::wait(s.exchange, event);
  };
  follow(s.main, s.reached[branches]);
  for (std::size_t i = 0; i < branches; ++i)
    if (s.open[i]) follow(s.branch[i], s.reached[i]);
  return s.exchange;
}

void Device::end_exchange() const {
  gpu::record(streams_->exchanged, streams_->exchange);
  gpu::wait(streams_->main, streams_->exchanged);
}

std::size_t Device::free_bytes() const {
  return is_gpu() ? gpu::device_info(streams_->index).free_bytes : 0;
}

void Device::synchronize() const {
  if (is_gpu()) gpu::synchronize(stream());
}

void Buffer::Free::operator()(std::byte* memory) const {
  ::operator delete (memory, std::align_val_t{alignment});
}

Buffer::Buffer(std::size_t bytes, const Device& device, const char* what)
    : host_(static_cast<std::byte*>(::operator new (bytes > 0 ? bytes : 1, std::align_val_t{alignment}))),
      bytes_(bytes),
      what_(what) {
  std::memset(host_.get(), 0, bytes);
  move_to(device);
}

Buffer::~Buffer() {
  gpu::release(device_memory_);
}

Buffer::Buffer(Buffer&& other) noexcept {
  *this = std::move(other);
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(host_, other.host_);
  std::swap(bytes_, other.bytes_);
  std::swap(what_, other.what_);
  std::swap(device_, other.device_);
  std::swap(device_memory_, other.device_memory_);
  return *this;
}

void Buffer::move_to(const Device& device) {
  if (device == device_) return;
  download();
  gpu::release(std::exchange(device_memory_, nullptr));
  device_ = {};  // until the memory is there
  if (device.is_gpu() && bytes_ > 0) device_memory_ = allocate_on_device(bytes_, what_);
  device_ = device;
  upload();
}

void Buffer::download() {
  if (device_memory_ == nullptr) return;
  gpu::copy_to_host(host_.get(), device_memory_, bytes_, device_.stream());
  device_.synchronize();
}

void Buffer::upload() {
  if (device_memory_ == nullptr) return;
  gpu::copy_to_device(device_memory_, host_.get(), bytes_, device_.stream());
  device_.synchronize();
}

void Buffer::copy_from(const Buffer& other) {
  if (device_memory_ != nullptr)
    gpu::copy_on_device(device_memory_, other.device_memory_, bytes_, device_.stream());
  else
    std::memcpy(host_.get(), other.host_.get(), bytes_);
}

void Buffer::set_zero() {
  if (device_memory_ != nullptr)
    gpu::set_zero(device_memory_, bytes_, device_.stream());
  else
    std::memset(host_.get(), 0, bytes_);
}

Graph::~Graph() {
  gpu::destroy(graph_);
}

Graph::Graph(Graph&& other) noexcept {
  *this = std::move(other);
}

Graph& Graph::operator=(Graph&& other) noexcept {
  std::swap(graph_, other.graph_);
  std::swap(nodes_, other.nodes_);
  return *this;
}

void Graph::begin(const Device& device) {
  gpu::begin_capture(device.stream());
}

Graph Graph::end(const Device& device) {
  Graph graph;
  graph.graph_ = gpu::end_capture(device.stream(), &graph.nodes_);
  return graph;
}

void Graph::abandon(const Device& device) noexcept {
  try {
    gpu::destroy(gpu::end_capture(device.stream()));
  } catch (...) {  // the capture is as broken as what ended it
  }
}

void Graph::replay(const Device& device) const {
  gpu::replay(graph_, device.stream());
}

}  // namespace plait
