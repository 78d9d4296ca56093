// A first-in-first-out queue that reuses its memory from the start: what a thread queues and takes again and again
// stays in a few cache lines. Grows by doubling, never shrinks.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace plait::simt {

template <class T>
class Ring {
 public:
  std::size_t size() const { return end_ - begin_; }

  // A place at the end, to be filled in.
  T& push() {
    if (size() == capacity_) grow();
    return places_[end_++ & (capacity_ - 1)];
  }
  // The i-th oldest.
  T& operator[](std::size_t i) { return places_[(begin_ + i) & (capacity_ - 1)]; }
  void pop(std::size_t count) { begin_ += count; }
  void clear() { begin_ = end_; }

 private:
  [[gnu::noinline]] void grow() {
    std::vector<T> larger(capacity_ == 0 ? 4 : 2 * capacity_);
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) larger[i] = (*this)[i];
    places_ = std::move(larger);
    capacity_ = places_.size();
    begin_ = 0;
    end_ = count;
  }

  std::vector<T> places_;
  std::size_t capacity_ = 0;  // their number, a power of two; a vector would divide to know it
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace plait::simt
