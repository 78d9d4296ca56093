// Ranks that are threads of this process: a communicator that copies between their buffers. Sums are taken in the order
// of the ranks.
#pragma once

#include <barrier>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "engine/comm/communicator.h"
#include "kernels/cpu/parallel.h"

namespace plait::test {

class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : size_(size), barrier_(size), buffers_(static_cast<std::size_t>(size)) {}

  // Runs body(communicator) on every rank; its exceptions come out of here, the lowest rank's first.
  void run(const std::function<void(Communicator&)>& body) {
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size_));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size_; ++rank)
      threads.emplace_back([&, rank] {
        cpu::run_serially_on_this_thread();
        Rank communicator(*this, rank);
        try {
          body(communicator);
        } catch (...) {
          failures[static_cast<std::size_t>(rank)] = std::current_exception();
        }
        barrier_.arrive_and_drop();
      });
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& failure : failures)
      if (failure) std::rethrow_exception(failure);
  }

 private:
  class Rank final : public Communicator {
   public:
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }

    PendingCollective all_to_all(const void* send, std::span<const Piece> pieces, std::size_t element_bytes,
                                 void* receive, cudaStream_t) override {
      const Piece& own = pieces[static_cast<std::size_t>(rank_)];
      const std::size_t bytes = static_cast<std::size_t>(own.count) * element_bytes;
      exchange(send, [&] {
        for (int q = 0; q < size(); ++q)
          std::memcpy(static_cast<std::byte*>(receive) + static_cast<std::size_t>(q) * bytes,
                      of(q) + static_cast<std::size_t>(own.begin) * element_bytes, bytes);
      });
      return {};
    }
    PendingCollective all_gather(void* data, std::span<const Piece> pieces, std::size_t element_bytes,
                                 cudaStream_t) override {
      exchange(data, [&] {
        for (int q = 0; q < size(); ++q) {
          if (q == rank_) continue;
          const Piece& piece = pieces[static_cast<std::size_t>(q)];
          const std::size_t begin = static_cast<std::size_t>(piece.begin) * element_bytes;
          std::memcpy(static_cast<std::byte*>(data) + begin, of(q) + begin,
                      static_cast<std::size_t>(piece.count) * element_bytes);
        }
      });
      return {};
    }
    PendingCollective all_reduce(float* data, std::int64_t count, cudaStream_t) override {
      std::vector<float> sum(static_cast<std::size_t>(count), 0.0f);
      exchange(data, [&] { add(sum, 0); });
      std::copy(sum.begin(), sum.end(), data);
      return {};
    }
    PendingCollective reduce_scatter(const float* send, std::span<const Piece> pieces, float* receive,
                                     cudaStream_t) override {
      const Piece& own = pieces[static_cast<std::size_t>(rank_)];
      std::vector<float> sum(static_cast<std::size_t>(own.count), 0.0f);
      exchange(send, [&] { add(sum, own.begin); });
      std::copy(sum.begin(), sum.end(), receive);
      return {};
    }
    PendingCollective broadcast(void* data, std::size_t bytes, int root, cudaStream_t) override {
      exchange(data, [&] {
        if (rank_ != root) std::memcpy(data, of(root), bytes);
      });
      return {};
    }
    PendingCollective barrier(cudaStream_t) override {
      exchange(nullptr, [] {});
      return {};
    }

   private:
    // read() may look at everybody's buffer.
    template <class Read>
    void exchange(const void* data, const Read& read) {
      all_.buffers_[static_cast<std::size_t>(rank_)] = static_cast<const std::byte*>(data);
      all_.barrier_.arrive_and_wait();
      read();
      all_.barrier_.arrive_and_wait();
    }
    const std::byte* of(int rank) const { return all_.buffers_[static_cast<std::size_t>(rank)]; }
    void add(std::vector<float>& sum, std::int64_t begin) const {
      for (int q = 0; q < all_.size_; ++q)
        for (std::size_t i = 0; i < sum.size(); ++i)
          sum[i] += reinterpret_cast<const float*>(of(q))[static_cast<std::size_t>(begin) + i];
    }
    void wait_for(std::uint64_t) override {}

    ThreadRanks& all_;
    int rank_;
  };

  int size_;
  std::barrier<> barrier_;
  std::vector<const std::byte*> buffers_;
};

}  // namespace plait::test
