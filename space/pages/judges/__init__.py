"""The page of judge against judge: where two judges agree, and the answers where they part."""
