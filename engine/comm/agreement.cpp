#include "engine/comm/agreement.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

namespace plait {
namespace {

constexpr std::size_t message_bytes = 4096;

std::vector<int> said_by_all(Communicator& ranks, int here) {
  std::vector<int> said(static_cast<std::size_t>(ranks.size()), 0);
  said[static_cast<std::size_t>(ranks.rank())] = here;
  ranks.all_gather(said.data(), one_each(ranks.size()), sizeof(int), nullptr).wait();
  return said;
}

}  // namespace

bool any_rank(Communicator& ranks, bool here) {
  const std::vector<int> said = said_by_all(ranks, here ? 1 : 0);
  return std::any_of(said.begin(), said.end(), [](int s) { return s != 0; });
}

void fail_together(Communicator& ranks, const Error* failure) {
  const std::vector<int> codes = said_by_all(ranks, failure != nullptr ? static_cast<int>(failure->code()) : 0);
  const auto first = std::find_if(codes.begin(), codes.end(), [](int code) { return code != 0; });
  if (first == codes.end()) return;
  const auto rank = static_cast<int>(first - codes.begin());
  std::vector<char> message(message_bytes, '\0');
  if (rank == ranks.rank())
    std::memcpy(message.data(), failure->what(), std::min(std::strlen(failure->what()), message_bytes - 1));
  ranks.broadcast(message.data(), message_bytes, rank, nullptr).wait();
  throw AgreedError(static_cast<ExitCode>(*first), message.data());
}

void together(Communicator& ranks, const std::function<void()>& work) {
  std::optional<Error> failure;
  try {
    work();
  } catch (const Error& error) {
    failure = error;
  }
  fail_together(ranks, failure ? &*failure : nullptr);
}

}  // namespace plait
