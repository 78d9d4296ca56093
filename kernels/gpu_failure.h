// What goes wrong on a device, as an exception.
#pragma once

#include <stdexcept>
#include <string>

namespace plait::gpu {

class Failure : public std::runtime_error {
 public:
  enum class Kind { no_device, out_of_memory, other };
  Failure(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

#ifdef __CUDACC__
// Throws unless the call succeeded: "launch of a kernel: invalid configuration argument".
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  const auto kind = status == cudaErrorMemoryAllocation ? Failure::Kind::out_of_memory
                    : status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver ? Failure::Kind::no_device
                                                                                           : Failure::Kind::other;
  throw Failure(kind, std::string(what) + ": " + cudaGetErrorString(status));
}
#endif

}  // namespace plait::gpu
