// Scratch aligned to 64 bytes, with canaries behind it and old bytes in it: a kernel that takes more than it asked for,
// or counts on zeros, is caught.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

namespace plait {

class AlignedBuffer {
 public:
  explicit AlignedBuffer(std::size_t bytes)
      : bytes_(bytes), data_(static_cast<unsigned char*>(::operator new (bytes + guard, std::align_val_t{64}))) {
    std::fill_n(data_.get(), bytes + guard, canary);
  }
  void* data() { return data_.get(); }
  bool canaries_intact() const {
    return std::all_of(data_.get() + bytes_, data_.get() + bytes_ + guard, [](unsigned char c) { return c == canary; });
  }

 private:
  static constexpr std::size_t guard = 256;
  static constexpr unsigned char canary = 0xFF;  // NaN in every floating type

  struct Free {
    void operator()(unsigned char* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::size_t bytes_;
  std::unique_ptr<unsigned char[], Free> data_;
};

}  // namespace plait
