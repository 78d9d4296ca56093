#include "kernels/simt/checker/source_line.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>

namespace plait::simt {
namespace {

struct Symbol {
  std::string function, line;
};

std::string read_line(std::FILE* pipe) {
  std::string text;
  for (int c; (c = std::fgetc(pipe)) != EOF && c != '\n';) text += static_cast<char>(c);
  return text;
}

// One call of addr2line an address, kept: reports are few.
Symbol look_up(std::uintptr_t address) {
  static std::mutex mutex;
  static std::map<std::uintptr_t, Symbol> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(address); found != known.end()) return found->second;
  Symbol symbol;
  Dl_info info{};
  std::array<char, 4096> program{};
  if (dladdr(reinterpret_cast<void*>(address), &info) != 0 &&
      readlink("/proc/self/exe", program.data(), program.size() - 1) > 0) {
    std::array<char, 4400> command{};
    std::snprintf(command.data(), command.size(), "addr2line -f -C -e '%s' 0x%zx 2>/dev/null", program.data(),
                  static_cast<std::size_t>(address - reinterpret_cast<std::uintptr_t>(info.dli_fbase)));
    if (std::FILE* pipe = popen(command.data(), "r")) {
      symbol.function = read_line(pipe);
      symbol.line = read_line(pipe);
      pclose(pipe);
    }
  }
  return known[address] = symbol;
}

std::string hexadecimal(const void* address) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%p", address);
  return text.data();
}

}  // namespace

std::string source_line(const void* return_address) {
  std::string line = look_up(reinterpret_cast<std::uintptr_t>(return_address) - 1).line;
  if (line.empty() || line[0] == '?') return hexadecimal(return_address);
  if (const auto remark = line.find(" (discriminator"); remark != std::string::npos) line.resize(remark);
  const auto slash = line.rfind('/');
  return slash == std::string::npos ? line : line.substr(slash + 1);
}

std::string function_name(const void* function) {
  std::string name = look_up(reinterpret_cast<std::uintptr_t>(function)).function;
  if (name.empty() || name[0] == '?') return hexadecimal(function);
  // "void plait::(anonymous namespace)::name<...>(parameters)" without what a reader does not need.
  for (const std::string noise : {"plait::(anonymous namespace)::", "void ", "plait::"})
    for (std::size_t at; (at = name.find(noise)) != std::string::npos;) name.erase(at, noise.size());
  return name.substr(0, name.find('('));
}

}  // namespace plait::simt
