// Memory that a device does not have, as an exception: what it was for, how much was asked for and how much was there.
// Whoever knows what would help catches it and throws it on with advice.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "engine/error.h"

namespace plait {

class OutOfMemory : public Error {
 public:
  struct Request {
    std::string what;  // "[64, 28, 28, 32] f32 of conv2d"
    std::size_t asked = 0;
    std::optional<std::size_t> free;  // where the device tells
    std::string beside = {};          // "beside 1048576 bytes that the step holds"
  };
  static constexpr const char* smaller_model =
      "choose smaller widths (model.embed_dim, encoder.*), or compute on the CPU (--device cpu)";

  explicit OutOfMemory(const Request& request, const std::string& advice = smaller_model);
  OutOfMemory with_advice(const std::string& advice) const { return OutOfMemory(request_, advice); }
  const Request& request() const { return request_; }

 private:
  Request request_;
};

// As those of kernels/gpu_runtime.h, for `what`.
void* allocate_on_device(std::size_t bytes, const char* what);
void* allocate_pinned(std::size_t bytes, const char* what);

}  // namespace plait
