// Device memory that there is not: how much was asked for, how much is free.
#pragma once

#include <cstddef>
#include <string>

#include "kernels/gpu_failure.h"

namespace plait::gpu {

class OutOfMemory : public Failure {
 public:
  OutOfMemory(std::size_t asked, std::size_t free)
      : Failure(Kind::out_of_memory, std::to_string(asked) + " bytes of device memory were asked for, " +
                                         std::to_string(free) + " are free"),
        asked_(asked),
        free_(free) {}
  std::size_t asked() const { return asked_; }
  std::size_t free() const { return free_; }

 private:
  std::size_t asked_, free_;
};

}  // namespace plait::gpu
