"""Whether the data of an evaluation can be believed: rows shared with training, a feature that is the target, defects
of the data, labels that look wrong, and what data of this size can show. Pure arithmetic on columns, no Django."""
