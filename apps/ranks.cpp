#include "apps/ranks.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <new>
#include <optional>
#include <system_error>

#include "apps/report.h"
#include "engine/comm/agreement.h"
#include "engine/error.h"
#include "kernels/cpu/parallel.h"
#include "kernels/gpu_failure.h"

namespace plait {
namespace {

std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

std::string who(const ProcessGroup& group) {
  return "rank " + std::to_string(group.rank()) + " (" + group.machine(group.rank()) + "): ";
}

bool ends_by_signal(ExitCode code) {
  return code == ExitCode::interrupted || code == ExitCode::terminated;
}

}  // namespace

std::int64_t threads_of_rank(const ProcessGroup& group, std::int64_t configured) {
  if (configured > 0) return configured;
  std::int64_t neighbours = 1;
  for (int rank = 0; rank < group.size(); ++rank)
    if (rank != group.rank() && group.machine(rank) == group.machine(group.rank())) ++neighbours;
  return std::max<std::int64_t>(1, cpu::processor_count() / neighbours);
}

void require_agreement(ProcessGroup& group, const std::vector<std::pair<std::string, std::string>>& facts) {
  const auto ranks = static_cast<std::size_t>(group.size());
  for (const auto& [name, text] : facts) {
    std::vector<std::uint64_t> said(ranks);
    said[static_cast<std::size_t>(group.rank())] = hash_of(text);
    group.host().all_gather(said.data(), one_each(group.size()), sizeof said[0], nullptr).wait();
    // What most say is right; of a tie what the first rank says.
    std::map<std::uint64_t, std::size_t> votes;
    for (const std::uint64_t one : said) ++votes[one];
    std::uint64_t right = said[0];
    for (const auto& [value, count] : votes)
      if (count > votes[right]) right = value;
    const auto odd = std::find_if(said.begin(), said.end(), [&](std::uint64_t one) { return one != right; });
    if (odd == said.end()) continue;
    const auto rank = static_cast<int>(odd - said.begin());
    throw AgreedError(ExitCode::usage, "the " + name + " of rank " + std::to_string(rank) + " (" + group.machine(rank) +
                                           ") is another than that of the other ranks; start "
                                           "all ranks with the same command line, program and files");
  }
}

void together(ProcessGroup& group, const std::function<void()>& work) {
  if (group.size() == 1) return work();
  std::optional<Error> failure;
  try {
    work();
  } catch (const Error& error) {
    failure = error;
  }
  const bool odd = any_rank(group.host(), !failure);
  if (failure && odd) failure = Error(failure->code(), who(group) + failure->what());
  fail_together(group.host(), failure ? &*failure : nullptr);
}

void on_first_rank(ProcessGroup& group, const std::function<void()>& work) {
  if (group.size() == 1) return work();
  together(group.host(), [&] {
    if (group.rank() == 0) work();
  });
}

std::string program_fingerprint() {
  std::ifstream program("/proc/self/exe", std::ios::binary);
  return std::to_string(hash_of({std::istreambuf_iterator<char>(program), {}}));
}

int on_ranks(ProcessGroup& group, const std::function<int()>& work) {
  if (group.size() == 1) {
    const int code = work();
    group.leave(code);
    return code;
  }
  // The launcher may be gone before the ranks are; who then has something to say must not end of it.
  std::signal(SIGPIPE, SIG_IGN);
  // What is to be said is said before leaving: a launcher ends the others when the first one has ended.
  const auto leave = [&](ExitCode code) {
    std::fflush(nullptr);
    group.leave(static_cast<int>(code));
  };
  // Of an end that all have agreed on. The launcher's SIGTERM comes because another rank is out already.
  const auto leave_together = [&](ExitCode code) {
    std::signal(SIGTERM, SIG_IGN);
    std::fflush(nullptr);
    group.leave_together(static_cast<int>(code));
    return static_cast<int>(code);
  };
  try {
    return leave_together(static_cast<ExitCode>(work()));
  } catch (const AgreedError& error) {
    if (group.rank() == 0) report(error.what(), error.code());
    return leave_together(error.code());
  } catch (const Error& error) {
    if (ends_by_signal(error.code())) {
      report(error.what(), error.code());
      return leave_together(error.code());
    }
    report(who(group) + error.what(), error.code());
    leave(error.code());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    const int code = report(who(group) + "out of memory", ExitCode::device);
    leave(ExitCode::device);
    return code;
  } catch (const gpu::Failure& failure) {
    const int code = report(who(group) + failure.what(), ExitCode::device);
    leave(ExitCode::device);
    return code;
  } catch (const std::system_error& error) {
    const int code = report(who(group) + "reading or writing failed: " + error.what(), ExitCode::storage);
    leave(ExitCode::storage);
    return code;
  } catch (const std::exception& error) {
    const int code = report(who(group) + error.what(), ExitCode::internal);
    leave(ExitCode::internal);
    return code;
  }
}

}  // namespace plait
