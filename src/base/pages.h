// The system's pages of memory.
#pragma once

#include <cstddef>
#include <span>

namespace cobra {

/// What lies on pages that hold nothing else.
std::span<std::byte> whole_pages(std::span<std::byte> memory);

/// Asks the system for huge pages under memory that has not been written yet, as far as whole ones fit; where
/// it has none nothing changes. They are faster to use and slower to touch for the first time: meant for what
/// is used over and over, not for what is loaded once.
void prefer_huge_pages(std::span<std::byte> memory);

}  // namespace cobra
