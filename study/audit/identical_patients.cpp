// Patients as hashes of what was measured of them: equal hashes in different parts are one patient twice.
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <map>
#include <unordered_map>

#include "io/data/stored_rows.h"
#include "study/audit/leakage.h"

namespace plait {
namespace {

constexpr std::uint64_t kNothing = 0xcbf29ce484222325ull, kPrime = 0x100000001b3ull;  // FNV-1a

void add(std::uint64_t& hash, std::uint64_t word) {
  for (int byte = 0; byte < 8; ++byte) hash = (hash ^ (word >> (8 * byte) & 255)) * kPrime;
}

struct Measured {
  std::uint64_t hash = kNothing;
  bool telling = false;  // enough to know a patient by
};

Measured table_row(const ModalityData& modality, std::int64_t row) {
  Measured measured;
  std::size_t observed = 0;
  const float* cells = modality.row(row);
  for (std::size_t j = 0; j < modality.columns.size(); ++j) {
    const bool missing = std::isnan(cells[j]);
    observed += missing ? 0 : 1;
    add(measured.hash, missing ? 1 : std::bit_cast<std::uint32_t>(cells[j] + 0.0f));  // -0 is 0
  }
  measured.telling = modality.kind == ModalityKind::expression && observed >= kTellingCells;
  return measured;
}

Measured image(const ModalityData& modality, std::int64_t row) {
  const auto count = static_cast<std::size_t>(modality.height * modality.width * modality.channels);
  const std::size_t size = modality.bits == 8 ? 1 : 2;
  std::vector<std::uint16_t> read;
  const std::uint8_t* bytes = nullptr;
  if (modality.stored_images) {
    read.resize(count);
    modality.stored_images->read(row, read.data());
    bytes = reinterpret_cast<const std::uint8_t*>(read.data());
  } else {
    bytes = modality.bits == 8 ? modality.bytes.data() : reinterpret_cast<const std::uint8_t*>(modality.words.data());
    bytes += static_cast<std::size_t>(row) * count * size;
  }
  Measured measured;
  for (std::size_t i = 0; i < count * size; ++i) {
    measured.hash = (measured.hash ^ bytes[i]) * kPrime;
    measured.telling |= bytes[i] != bytes[i % size];  // a blank image is nobody's
  }
  return measured;
}

bool is_read(const ModalityData& modality) {
  return modality.kind != ModalityKind::image || modality.stored_images || !modality.bytes.empty() ||
         !modality.words.empty();
}

// Who has been seen with what, and the pairs of different parts that follow.
class Seen {
 public:
  explicit Seen(const Cohort& cohort) : cohort_(cohort) {}

  void add(std::uint64_t hash, std::int64_t patient, const std::string& part, const std::string& what) {
    const auto [first, fresh] = first_.try_emplace(hash, First{patient, part});
    if (fresh || first->second.part == part) return;
    Pairs& pairs = pairs_[what];
    if (pairs.count++ == 0)
      pairs.example = fmt::format("lines {} ({}) and {} ({}) of {}", line(first->second.patient), first->second.part,
                                  line(patient), part, cohort_.labels_file);
  }
  void report(std::vector<LeakageFinding>& findings) const {
    for (const auto& [what, pairs] : pairs_)
      findings.push_back({"identical patients",
                          pairs.count == 1 ? fmt::format("two patients of different parts {}: {}", what, pairs.example)
                                           : fmt::format("{} pairs of patients of different parts {}: first {}",
                                                         pairs.count, what, pairs.example)});
  }
  void forget() { first_.clear(); }

 private:
  std::size_t line(std::int64_t patient) const {
    const auto i = static_cast<std::size_t>(patient);
    return i < cohort_.line.size() && cohort_.line[i] > 0 ? cohort_.line[i] : i + 2;
  }
  struct First {
    std::int64_t patient;
    std::string part;
  };
  struct Pairs {
    std::size_t count = 0;
    std::string example;
  };
  const Cohort& cohort_;
  std::unordered_map<std::uint64_t, First> first_;
  std::map<std::string, Pairs> pairs_;
};

}  // namespace

std::vector<LeakageFinding> find_identical_patients(const Cohort& cohort, const std::vector<AuditPart>& parts) {
  Seen seen(cohort);
  std::vector<std::uint64_t> whole(cohort.ids.size(), kNothing);
  std::vector<bool> has_any(cohort.ids.size(), false);
  for (std::size_t m = 0; m < cohort.modalities.size(); ++m) {
    const ModalityData& modality = cohort.modalities[m];
    if (!is_read(modality)) continue;
    seen.forget();
    for (const AuditPart& part : parts)
      for (const std::int64_t patient : part.patients) {
        const auto i = static_cast<std::size_t>(patient);
        if (!modality.has(patient)) continue;
        const std::int64_t row = modality.row_of_patient[i];
        const Measured measured =
            modality.kind == ModalityKind::image ? image(modality, row) : table_row(modality, row);
        add(whole[i], m), add(whole[i], measured.hash);
        has_any[i] = true;
        if (measured.telling) seen.add(measured.hash, patient, part.name, "have the same " + modality.name);
      }
  }
  seen.forget();
  for (const AuditPart& part : parts)
    for (const std::int64_t patient : part.patients)
      if (has_any[static_cast<std::size_t>(patient)])
        seen.add(whole[static_cast<std::size_t>(patient)], patient, part.name, "are the same in all that was measured");
  std::vector<LeakageFinding> findings;
  seen.report(findings);
  return findings;
}

}  // namespace plait
